-- The whole PSA store: what all bundled actions write, the reference data they look up, and the events they leave.
-- depends: 0004.recovery_and_fairness

-- Settings and people ---------------------------------------------------------------------------

-- One row a tenant, made by its first ticket where an admin has not made it.
create table psa.tenant_settings (
    tenant_id          uuid primary key references postern.tenants,
    -- No digit at its end: numbers of two prefixes must not read alike.
    ticket_prefix      text not null default '' check (length(ticket_prefix) <= 20 and ticket_prefix !~ '[0-9]$'),
    -- Raised in the transaction that inserts the ticket: without gaps, at the price that a tenant's new tickets
    -- commit one after the other.
    last_ticket_number bigint not null default 0 check (last_ticket_number >= 0),
    -- Whether a contact's comment marks a ticket as waiting for an answer.
    tracks_responses   boolean not null default true
);

create table psa.users (
    tenant_id   uuid not null references postern.tenants,
    user_id     uuid not null,
    email       text not null check (email = lower(email)),
    full_name   text not null check (length(full_name) between 1 and 255),
    time_zone   text not null default 'UTC',
    is_inactive boolean not null default false,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (tenant_id, user_id),
    unique (tenant_id, email)
);

create table psa.teams (
    tenant_id  uuid not null references postern.tenants,
    team_id    uuid not null,
    name       text not null check (length(name) between 1 and 255),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, team_id),
    unique (tenant_id, name)
);

-- Clients ---------------------------------------------------------------------------------------

alter table psa.clients
    add column client_type text not null default 'company' check (client_type in ('company', 'individual')),
    add column url text,
    add column phone_no text,
    add column email text,
    add column address text,
    add column address_2 text,
    add column city text,
    add column state text,
    add column zip text,
    add column country text,
    add column default_currency_code text check (default_currency_code ~ '^[A-Z]{3}$'),
    add column notes text,
    -- json, not jsonb, wherever senders' documents are kept: it keeps what jsonb would refuse.
    add column properties json not null default '{}';

create table psa.locations (
    tenant_id   uuid not null references postern.tenants,
    location_id uuid not null,
    client_id   uuid not null,
    name        text not null check (length(name) between 1 and 255),
    address     text,
    city        text,
    zip         text,
    country     text,
    is_inactive boolean not null default false,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (tenant_id, location_id),
    unique (tenant_id, client_id, location_id),
    unique (tenant_id, client_id, name),
    foreign key (tenant_id, client_id) references psa.clients
);

create table psa.contacts (
    tenant_id   uuid not null references postern.tenants,
    contact_id  uuid not null,
    client_id   uuid not null,
    full_name   text not null check (length(full_name) between 1 and 255),
    email       text not null check (email = lower(email)),
    phone       text,
    role        text,
    notes       text,
    is_inactive boolean not null default false,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (tenant_id, contact_id),
    unique (tenant_id, email),
    foreign key (tenant_id, client_id) references psa.clients
);
create index contacts_client on psa.contacts (tenant_id, client_id);

-- Tickets ---------------------------------------------------------------------------------------

create table psa.boards (
    tenant_id   uuid not null references postern.tenants,
    board_id    uuid not null,
    name        text not null check (length(name) between 1 and 255),
    is_inactive boolean not null default false,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (tenant_id, board_id),
    unique (tenant_id, name)
);

create table psa.ticket_statuses (
    tenant_id    uuid not null references postern.tenants,
    status_id    uuid not null,
    board_id     uuid not null,
    name         text not null check (length(name) between 1 and 255),
    order_number integer not null default 0,
    is_default   boolean not null default false,
    is_closed    boolean not null default false,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    primary key (tenant_id, status_id),
    unique (tenant_id, board_id, status_id),
    unique (tenant_id, board_id, name),
    foreign key (tenant_id, board_id) references psa.boards
);
create unique index ticket_statuses_default on psa.ticket_statuses (tenant_id, board_id) where is_default;

-- Of tickets and of project tasks.
create table psa.priorities (
    tenant_id    uuid not null references postern.tenants,
    priority_id  uuid not null,
    name         text not null check (length(name) between 1 and 255),
    order_number integer not null default 0,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    primary key (tenant_id, priority_id),
    unique (tenant_id, name)
);

-- A category with a parent is a subcategory.
create table psa.categories (
    tenant_id          uuid not null references postern.tenants,
    category_id        uuid not null,
    parent_category_id uuid check (parent_category_id <> category_id),
    name               text not null check (length(name) between 1 and 255),
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    primary key (tenant_id, category_id),
    unique (tenant_id, parent_category_id, category_id),
    unique nulls not distinct (tenant_id, parent_category_id, name),
    foreign key (tenant_id, parent_category_id) references psa.categories
);

create table psa.tickets (
    tenant_id        uuid not null references postern.tenants,
    ticket_id        uuid not null,
    ticket_number    text not null,
    title            text not null check (length(title) between 1 and 255),
    description      text,
    client_id        uuid not null,
    board_id         uuid not null,
    status_id        uuid not null,
    priority_id      uuid not null,
    assigned_to      uuid,
    assigned_team_id uuid,
    category_id      uuid,
    subcategory_id   uuid,
    contact_id       uuid,
    location_id      uuid,
    due_date         timestamptz,
    source           text not null default 'webhook',
    ticket_origin    text not null default 'api',
    response_state   text check (response_state in ('awaiting_internal', 'awaiting_client')),
    attributes       json not null default '{}',
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    primary key (tenant_id, ticket_id),
    unique (tenant_id, ticket_number),
    foreign key (tenant_id, client_id) references psa.clients,
    foreign key (tenant_id, board_id) references psa.boards,
    foreign key (tenant_id, board_id, status_id) references psa.ticket_statuses (tenant_id, board_id, status_id),
    foreign key (tenant_id, priority_id) references psa.priorities,
    foreign key (tenant_id, assigned_to) references psa.users,
    foreign key (tenant_id, assigned_team_id) references psa.teams,
    foreign key (tenant_id, category_id) references psa.categories,
    foreign key (tenant_id, subcategory_id) references psa.categories,
    -- Where a ticket has both, the one belongs to the other.
    foreign key (tenant_id, category_id, subcategory_id)
        references psa.categories (tenant_id, parent_category_id, category_id),
    foreign key (tenant_id, contact_id) references psa.contacts,
    foreign key (tenant_id, client_id, location_id) references psa.locations (tenant_id, client_id, location_id)
);
create index tickets_client on psa.tickets (tenant_id, client_id);
create index tickets_board on psa.tickets (tenant_id, board_id, status_id);
create index tickets_contact on psa.tickets (tenant_id, contact_id) where contact_id is not null;

create table psa.comment_threads (
    tenant_id  uuid not null references postern.tenants,
    thread_id  uuid not null,
    ticket_id  uuid not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, thread_id),
    unique (tenant_id, ticket_id, thread_id),
    foreign key (tenant_id, ticket_id) references psa.tickets on delete cascade
);

create table psa.comments (
    tenant_id     uuid not null references postern.tenants,
    comment_id    uuid not null,
    thread_id     uuid not null,
    ticket_id     uuid not null,
    content       text not null,
    is_internal   boolean not null,
    is_resolution boolean not null default false,
    author_type   text not null check (author_type in ('internal', 'contact', 'system')),
    author_id     uuid,
    contact_id    uuid,
    metadata      json not null default '{}',
    created_at    timestamptz not null default now(),
    primary key (tenant_id, comment_id),
    foreign key (tenant_id, ticket_id, thread_id)
        references psa.comment_threads (tenant_id, ticket_id, thread_id) on delete cascade,
    foreign key (tenant_id, author_id) references psa.users,
    foreign key (tenant_id, contact_id) references psa.contacts,
    constraint comments_author check (
        (author_type = 'internal') = (author_id is not null) and (author_type = 'contact') = (contact_id is not null))
);
create index comments_ticket on psa.comments (tenant_id, ticket_id);

create table psa.asset_associations (
    tenant_id    uuid not null references postern.tenants,
    asset_id     uuid not null,
    ticket_id    uuid not null,
    relationship text not null default 'affected' check (relationship in ('affected', 'related')),
    created_by   uuid, -- null: a delivery
    created_at   timestamptz not null default now(),
    primary key (tenant_id, asset_id, ticket_id),
    foreign key (tenant_id, asset_id) references psa.assets on delete cascade,
    foreign key (tenant_id, ticket_id) references psa.tickets on delete cascade,
    foreign key (tenant_id, created_by) references psa.users
);
create index asset_associations_ticket on psa.asset_associations (tenant_id, ticket_id);

-- Invoices --------------------------------------------------------------------------------------

create table psa.invoices (
    tenant_id         uuid not null references postern.tenants,
    invoice_id        uuid not null,
    client_id         uuid not null,
    invoice_number    text not null check (length(invoice_number) between 1 and 255),
    status            text not null default 'draft' check (status in (
        'draft', 'sent', 'paid', 'overdue', 'cancelled', 'pending', 'prepayment', 'partially_applied')),
    currency_code     text not null check (currency_code ~ '^[A-Z]{3}$'),
    total_amount      numeric(18, 4) not null default 0,
    due_date          date,
    paid_at           timestamptz,
    payment_reference text,
    custom_fields     json not null default '{}',
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    primary key (tenant_id, invoice_id),
    unique (tenant_id, invoice_number),
    foreign key (tenant_id, client_id) references psa.clients,
    constraint invoices_paid check ((status = 'paid') = (paid_at is not null)),
    constraint invoices_reference check (status = 'paid' or payment_reference is null)
);
create index invoices_client on psa.invoices (tenant_id, client_id);

-- Services and projects -------------------------------------------------------------------------

create table psa.services (
    tenant_id   uuid not null references postern.tenants,
    service_id  uuid not null,
    name        text not null check (length(name) between 1 and 255),
    is_inactive boolean not null default false,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (tenant_id, service_id),
    unique (tenant_id, name)
);

create table psa.projects (
    tenant_id   uuid not null references postern.tenants,
    project_id  uuid not null,
    client_id   uuid not null,
    name        text not null check (length(name) between 1 and 255),
    is_inactive boolean not null default false,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (tenant_id, project_id),
    unique (tenant_id, client_id, name),
    foreign key (tenant_id, client_id) references psa.clients
);

create table psa.project_phases (
    tenant_id        uuid not null references postern.tenants,
    phase_id         uuid not null,
    project_id       uuid not null,
    name             text not null check (length(name) between 1 and 255),
    wbs_code         text not null check (wbs_code ~ '^[1-9][0-9]{0,5}(\.[1-9][0-9]{0,5})*$'),
    -- Raised in the transaction that inserts the task, as for ticket numbers.
    last_task_number integer not null default 0 check (last_task_number >= 0),
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    primary key (tenant_id, phase_id),
    unique (tenant_id, project_id, phase_id),
    unique (tenant_id, project_id, wbs_code),
    foreign key (tenant_id, project_id) references psa.projects on delete cascade
);

-- The columns of task boards: of every project, of one project, or of one phase of it.
create table psa.project_status_mappings (
    tenant_id                 uuid not null references postern.tenants,
    project_status_mapping_id uuid not null,
    project_id                uuid,
    phase_id                  uuid,
    name                      text not null check (length(name) between 1 and 255),
    order_number              integer not null default 0,
    is_closed                 boolean not null default false,
    created_at                timestamptz not null default now(),
    updated_at                timestamptz not null default now(),
    primary key (tenant_id, project_status_mapping_id),
    unique nulls not distinct (tenant_id, project_id, phase_id, name),
    check (phase_id is null or project_id is not null),
    foreign key (tenant_id, project_id) references psa.projects on delete cascade,
    foreign key (tenant_id, project_id, phase_id)
        references psa.project_phases (tenant_id, project_id, phase_id) on delete cascade
);

create table psa.project_tasks (
    tenant_id                 uuid not null references postern.tenants,
    task_id                   uuid not null,
    project_id                uuid not null,
    phase_id                  uuid not null,
    project_status_mapping_id uuid not null,
    task_name                 text not null check (length(task_name) between 1 and 255),
    description               text,
    wbs_code                  text not null,
    assigned_to               uuid,
    estimated_hours           double precision check (estimated_hours >= 0),
    actual_minutes            bigint not null default 0,
    due_date                  timestamptz,
    priority_id               uuid,
    task_type_key             text not null default 'task',
    service_id                uuid,
    created_at                timestamptz not null default now(),
    updated_at                timestamptz not null default now(),
    primary key (tenant_id, task_id),
    foreign key (tenant_id, project_id) references psa.projects,
    foreign key (tenant_id, project_id, phase_id) references psa.project_phases (tenant_id, project_id, phase_id),
    foreign key (tenant_id, project_status_mapping_id) references psa.project_status_mappings,
    foreign key (tenant_id, assigned_to) references psa.users,
    foreign key (tenant_id, priority_id) references psa.priorities,
    foreign key (tenant_id, service_id) references psa.services
);
create index project_tasks_status on psa.project_tasks (tenant_id, project_status_mapping_id);

-- Time ------------------------------------------------------------------------------------------

create table psa.non_billable_categories (
    tenant_id   uuid not null references postern.tenants,
    category_id uuid not null,
    name        text not null check (length(name) between 1 and 255),
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (tenant_id, category_id),
    unique (tenant_id, name)
);

create table psa.interactions (
    tenant_id      uuid not null references postern.tenants,
    interaction_id uuid not null,
    client_id      uuid not null,
    contact_id     uuid,
    title          text not null check (length(title) between 1 and 255),
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    primary key (tenant_id, interaction_id),
    foreign key (tenant_id, client_id) references psa.clients,
    foreign key (tenant_id, contact_id) references psa.contacts
);
create index interactions_client on psa.interactions (tenant_id, client_id);

create table psa.time_periods (
    tenant_id  uuid not null references postern.tenants,
    period_id  uuid not null,
    start_date date not null,
    end_date   date not null, -- the last day of it
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, period_id),
    unique (tenant_id, start_date),
    check (start_date <= end_date)
);

create table psa.time_sheets (
    tenant_id       uuid not null references postern.tenants,
    time_sheet_id   uuid not null,
    period_id       uuid not null,
    user_id         uuid not null,
    approval_status text not null default 'DRAFT'
        check (approval_status in ('DRAFT', 'SUBMITTED', 'APPROVED', 'CHANGES_REQUESTED')),
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    primary key (tenant_id, time_sheet_id),
    unique (tenant_id, period_id, user_id),
    unique (tenant_id, user_id, time_sheet_id),
    foreign key (tenant_id, period_id) references psa.time_periods,
    foreign key (tenant_id, user_id) references psa.users
);

-- One column says what was worked on; the columns made from it are what foreign keys hold on to.
create table psa.time_entries (
    tenant_id                uuid not null references postern.tenants,
    entry_id                 uuid not null,
    user_id                  uuid not null,
    time_sheet_id            uuid not null,
    work_item_type           text not null check (
        work_item_type in ('ticket', 'project_task', 'non_billable_category', 'ad_hoc', 'interaction')),
    work_item_id             uuid,
    ticket_id                uuid generated always as (case when work_item_type = 'ticket' then work_item_id end) stored,
    task_id                  uuid generated always as
        (case when work_item_type = 'project_task' then work_item_id end) stored,
    non_billable_category_id uuid generated always as
        (case when work_item_type = 'non_billable_category' then work_item_id end) stored,
    interaction_id           uuid generated always as
        (case when work_item_type = 'interaction' then work_item_id end) stored,
    service_id               uuid not null,
    start_time               timestamptz not null,
    end_time                 timestamptz not null check (end_time > start_time),
    work_date                date not null,
    work_time_zone           text not null,
    duration_minutes         integer not null check (duration_minutes > 0),
    billable_duration        integer not null check (billable_duration between 0 and duration_minutes),
    notes                    text not null default '',
    tax_region               text,
    approval_status          text not null default 'DRAFT'
        check (approval_status in ('DRAFT', 'SUBMITTED', 'APPROVED', 'CHANGES_REQUESTED')),
    created_by               uuid not null,
    created_at               timestamptz not null default now(),
    updated_at               timestamptz not null default now(),
    primary key (tenant_id, entry_id),
    check (work_item_id is not null or work_item_type = 'ad_hoc'),
    foreign key (tenant_id, user_id) references psa.users,
    foreign key (tenant_id, user_id, time_sheet_id) references psa.time_sheets (tenant_id, user_id, time_sheet_id),
    foreign key (tenant_id, ticket_id) references psa.tickets,
    foreign key (tenant_id, task_id) references psa.project_tasks,
    foreign key (tenant_id, non_billable_category_id) references psa.non_billable_categories,
    foreign key (tenant_id, interaction_id) references psa.interactions,
    foreign key (tenant_id, service_id) references psa.services,
    foreign key (tenant_id, created_by) references psa.users
);
create index time_entries_sheet on psa.time_entries (tenant_id, time_sheet_id);
create index time_entries_work_item on psa.time_entries (tenant_id, work_item_id);

-- Tags ------------------------------------------------------------------------------------------

create table psa.tags (
    tenant_id        uuid not null references postern.tenants,
    tag_id           uuid not null,
    entity_type      text not null check (entity_type in ('client', 'contact', 'ticket', 'project', 'project_task')),
    tag_text         text not null check (length(tag_text) between 1 and 50),
    background_color text,
    text_color       text,
    created_at       timestamptz not null default now(),
    primary key (tenant_id, tag_id),
    unique (tenant_id, tag_id, entity_type)
);
create unique index tags_text on psa.tags (tenant_id, entity_type, lower(tag_text));

create table psa.tag_mappings (
    tenant_id      uuid not null references postern.tenants,
    tag_mapping_id uuid not null,
    tag_id         uuid not null,
    entity_type    text not null,
    entity_id      uuid not null,
    client_id      uuid generated always as (case when entity_type = 'client' then entity_id end) stored,
    contact_id     uuid generated always as (case when entity_type = 'contact' then entity_id end) stored,
    ticket_id      uuid generated always as (case when entity_type = 'ticket' then entity_id end) stored,
    project_id     uuid generated always as (case when entity_type = 'project' then entity_id end) stored,
    task_id        uuid generated always as (case when entity_type = 'project_task' then entity_id end) stored,
    created_by     uuid, -- null: a delivery
    created_at     timestamptz not null default now(),
    primary key (tenant_id, tag_mapping_id),
    unique (tenant_id, entity_id, tag_id),
    foreign key (tenant_id, tag_id, entity_type) references psa.tags (tenant_id, tag_id, entity_type),
    foreign key (tenant_id, client_id) references psa.clients on delete cascade,
    foreign key (tenant_id, contact_id) references psa.contacts on delete cascade,
    foreign key (tenant_id, ticket_id) references psa.tickets on delete cascade,
    foreign key (tenant_id, project_id) references psa.projects on delete cascade,
    foreign key (tenant_id, task_id) references psa.project_tasks on delete cascade,
    foreign key (tenant_id, created_by) references psa.users
);

-- Events ----------------------------------------------------------------------------------------

-- What changed, told in the transaction that changed it. Readers follow (transaction_id, event_number) and stop short
-- of the oldest transaction that still runs, so that no row can turn up behind them.
create table psa.events (
    tenant_id      uuid not null, -- no foreign key: each event would lock the tenant's row
    transaction_id xid8 not null default pg_current_xact_id(),
    event_number   bigint not null generated always as identity,
    occurred_at    timestamptz not null default now(),
    entity_type    text not null,
    entity_id      uuid not null,
    event_name     text not null,
    changes        json not null default '{}', -- field to new value; true where the value is a document
    delivery_id    uuid, -- null: an admin
    primary key (tenant_id, transaction_id, event_number)
);

-- Row-level security ----------------------------------------------------------------------------

do $$
declare
    table_name text;
begin
    foreach table_name in array array[
        'tenant_settings', 'users', 'teams', 'locations', 'contacts', 'boards', 'ticket_statuses', 'priorities',
        'categories', 'tickets', 'comment_threads', 'comments', 'asset_associations', 'invoices', 'services',
        'projects', 'project_phases', 'project_status_mappings', 'project_tasks', 'non_billable_categories',
        'interactions', 'time_periods', 'time_sheets', 'time_entries', 'tags', 'tag_mappings', 'events']
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
-- What happened is not rewritten; only housekeeping forgets it.
revoke update on psa.events from postern_tenant, postern_system;
revoke delete on psa.events from postern_tenant;
