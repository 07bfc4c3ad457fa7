-- What the actions do beside their own row: billing of clients, checklists of tickets, prepaid balances, and whether a
-- sender still has what its external id stands for.
-- depends: 0022.set_based_groups

-- Billing of clients ----------------------------------------------------------------------------

create table psa.billing_profiles (
    tenant_id          uuid not null references postern.tenants,
    billing_profile_id uuid not null,
    client_id          uuid not null,
    name               text not null default 'Default' check (length(name) between 1 and 255),
    is_default         boolean not null default false,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    primary key (tenant_id, billing_profile_id),
    unique (tenant_id, client_id, billing_profile_id),
    unique (tenant_id, client_id, name),
    foreign key (tenant_id, client_id) references psa.clients on delete cascade
);
create unique index billing_profiles_default on psa.billing_profiles (tenant_id, client_id) where is_default;

-- Clients that are there already get what new ones are made with.
insert into psa.billing_profiles (tenant_id, billing_profile_id, client_id, is_default)
    select tenant_id, gen_random_uuid(), client_id, true from psa.clients;

alter table psa.locations
    add column default_billing_profile_id uuid,
    add foreign key (tenant_id, client_id, default_billing_profile_id)
        references psa.billing_profiles (tenant_id, client_id, billing_profile_id);

alter table psa.tickets
    add column billing_profile_id uuid,
    add foreign key (tenant_id, client_id, billing_profile_id)
        references psa.billing_profiles (tenant_id, client_id, billing_profile_id);

create table psa.contracts (
    tenant_id   uuid not null references postern.tenants,
    contract_id uuid not null,
    name        text not null check (length(name) between 1 and 255),
    is_inactive boolean not null default false,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (tenant_id, contract_id),
    unique (tenant_id, name)
);

create table psa.client_contracts (
    tenant_id   uuid not null references postern.tenants,
    client_id   uuid not null,
    contract_id uuid not null,
    created_at  timestamptz not null default now(),
    primary key (tenant_id, client_id, contract_id),
    foreign key (tenant_id, client_id) references psa.clients on delete cascade,
    foreign key (tenant_id, contract_id) references psa.contracts
);

create table psa.client_tax_settings (
    tenant_id         uuid not null references postern.tenants,
    client_id         uuid not null,
    tax_region        text,
    is_tax_exempt     boolean not null default false,
    is_reverse_charge boolean not null default false, -- the client owes the tax, not the tenant
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    primary key (tenant_id, client_id),
    foreign key (tenant_id, client_id) references psa.clients on delete cascade
);

-- What a client that a delivery makes starts with.
alter table psa.tenant_settings
    add column default_contract_id uuid, -- null, or an inactive one: none
    add column default_tax_region text,
    add column default_is_tax_exempt boolean not null default false,
    add column default_is_reverse_charge boolean not null default false,
    add foreign key (tenant_id, default_contract_id) references psa.contracts;

-- Prepaid balances ------------------------------------------------------------------------------

create table psa.prepaid_balances (
    tenant_id     uuid not null references postern.tenants,
    client_id     uuid not null,
    currency_code text not null check (currency_code ~ '^[A-Z]{3}$'),
    amount        numeric(18, 4) not null,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    primary key (tenant_id, client_id, currency_code),
    foreign key (tenant_id, client_id) references psa.clients
);

alter table psa.invoices
    -- Goes to the client's prepaid balance once the invoice is paid, and never again, whatever its status becomes.
    add column replenishment_amount numeric(18, 4) check (replenishment_amount > 0),
    add column replenishment_settled_at timestamptz,
    add constraint invoices_replenishment check (replenishment_settled_at is null or replenishment_amount is not null);

-- Checklists ------------------------------------------------------------------------------------

-- Each new ticket gets the items of all templates that match it.
create table psa.checklist_templates (
    tenant_id             uuid not null references postern.tenants,
    checklist_template_id uuid not null,
    name                  text not null check (length(name) between 1 and 255),
    board_id              uuid, -- these three: null matches any
    category_id           uuid, -- or subcategory
    priority_id           uuid,
    order_number          integer not null default 0,
    items                 text[] not null check (
        cardinality(items) between 1 and 100 and array_position(items, null) is null and '' <> all(items)),
    is_inactive           boolean not null default false,
    created_at            timestamptz not null default now(),
    updated_at            timestamptz not null default now(),
    primary key (tenant_id, checklist_template_id),
    unique (tenant_id, name),
    foreign key (tenant_id, board_id) references psa.boards,
    foreign key (tenant_id, category_id) references psa.categories,
    foreign key (tenant_id, priority_id) references psa.priorities
);

create table psa.ticket_checklist_items (
    tenant_id             uuid not null references postern.tenants,
    checklist_item_id     uuid not null,
    ticket_id             uuid not null,
    checklist_template_id uuid not null,
    order_number          integer not null, -- from 1, over all of the ticket's
    item_text             text not null check (item_text <> ''),
    is_done               boolean not null default false,
    created_at            timestamptz not null default now(),
    updated_at            timestamptz not null default now(),
    primary key (tenant_id, checklist_item_id),
    unique (tenant_id, ticket_id, order_number),
    foreign key (tenant_id, ticket_id) references psa.tickets on delete cascade,
    foreign key (tenant_id, checklist_template_id) references psa.checklist_templates
);

-- External ids ----------------------------------------------------------------------------------

-- error: the sender has told that what the id stands for is gone.
alter table postern.external_entity_mappings
    add column sync_status text not null default 'synced' check (sync_status in ('synced', 'error'));

-- Row-level security ----------------------------------------------------------------------------

do $$
declare
    table_name text;
begin
    foreach table_name in array array[
        'billing_profiles', 'contracts', 'client_contracts', 'client_tax_settings', 'prepaid_balances',
        'checklist_templates', 'ticket_checklist_items']
    loop
        execute format('alter table psa.%I enable row level security', table_name);
        execute format(
            'create policy one_tenant on psa.%I to postern_tenant
             using (tenant_id = postern.current_tenant()) with check (tenant_id = postern.current_tenant())',
            table_name);
        execute format(
            'create policy all_tenants on psa.%I to postern_system using (true) with check (true)', table_name);
        execute format(
            'grant select, insert, update, delete on psa.%I to postern_tenant, postern_system', table_name);
    end loop;
end
$$;
