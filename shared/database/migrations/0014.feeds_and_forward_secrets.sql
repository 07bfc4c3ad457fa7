-- How far each tenant's events are forgotten, and secrets that sign one webhook's forwards.
-- depends: 0009.lookups

-- Readers of events whose cursor is before this have missed some.
create table psa.event_horizons (
    tenant_id      uuid primary key, -- no foreign key, as for events
    transaction_id xid8 not null,
    event_number   bigint not null
);

create table postern.forward_secrets (
    tenant_id   uuid not null,
    webhook_id  uuid not null,
    secret_id   uuid not null,
    sealed      bytea not null, -- as in webhook_secrets
    valid_until timestamptz, -- null: signs until replaced
    created_at  timestamptz not null default now(),
    primary key (tenant_id, webhook_id, secret_id),
    foreign key (tenant_id, webhook_id) references postern.webhooks on delete cascade
);

do $$
declare
    name text;
begin
    foreach name in array array['psa.event_horizons', 'postern.forward_secrets']
    loop
        execute format('alter table %s enable row level security', name);
        execute format(
            'create policy one_tenant on %s to postern_tenant
             using (tenant_id = postern.current_tenant()) with check (tenant_id = postern.current_tenant())', name);
        execute format('create policy all_tenants on %s to postern_system using (true) with check (true)', name);
    end loop;
end
$$;

grant select on psa.event_horizons to postern_tenant;
grant select, insert, update on psa.event_horizons to postern_system;
grant select, insert, update, delete on postern.forward_secrets to postern_tenant, postern_system;
