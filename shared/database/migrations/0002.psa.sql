-- The PSA store: what the bundled actions write.
-- depends: 0001.ledger

create schema psa;

create table psa.clients (
    tenant_id   uuid not null references postern.tenants,
    client_id   uuid not null,
    name        text not null check (length(name) between 1 and 255),
    is_inactive boolean not null default false,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (tenant_id, client_id),
    unique (tenant_id, name)
);

create table psa.assets (
    tenant_id     uuid not null references postern.tenants,
    asset_id      uuid not null,
    client_id     uuid,
    asset_type    text not null default 'unknown',
    name          text not null,
    asset_tag     text,
    serial_number text,
    status        text not null default 'active',
    location      text,
    is_inactive   boolean not null default false,
    agent_status  text,
    last_seen_at  timestamptz,
    rmm_provider  text,
    rmm_scope     text,
    rmm_snapshot  json, -- as received: json keeps what jsonb would refuse
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    primary key (tenant_id, asset_id),
    foreign key (tenant_id, client_id) references psa.clients
);
create index assets_client on psa.assets (tenant_id, client_id);

do $$
declare
    table_name text;
begin
    foreach table_name in array array['clients', 'assets']
    loop
        execute format('alter table psa.%I enable row level security', table_name);
        execute format(
            'create policy one_tenant on psa.%I to postern_tenant
             using (tenant_id = postern.current_tenant()) with check (tenant_id = postern.current_tenant())',
            table_name);
        execute format(
            'create policy all_tenants on psa.%I to postern_system using (true) with check (true)', table_name);
    end loop;
end
$$;

grant usage on schema psa to postern_tenant, postern_system;
grant select, insert, update, delete on psa.clients, psa.assets to postern_tenant, postern_system;
