-- What handled a delivery stays known when its webhook is changed.
-- depends: 0020.groups

-- Which handler a webhook has had from which version on.
create table postern.webhook_handlers (
    tenant_id      uuid not null,
    webhook_id     uuid not null,
    since_version  integer not null,
    handler_type   text not null,
    handler_config jsonb not null,
    created_at     timestamptz not null default now(),
    primary key (tenant_id, webhook_id, since_version),
    foreign key (tenant_id, webhook_id) references postern.webhooks on delete cascade
);
create index webhook_handlers_by_age on postern.webhook_handlers (created_at);

alter table postern.webhook_handlers enable row level security;
create policy one_tenant on postern.webhook_handlers to postern_tenant
    using (tenant_id = postern.current_tenant()) with check (tenant_id = postern.current_tenant());
create policy all_tenants on postern.webhook_handlers to postern_system using (true) with check (true);
grant select, insert, update, delete on postern.webhook_handlers to postern_tenant, postern_system;

create function postern.keep_webhook_handler() returns trigger
language plpgsql
as $$
begin
    if tg_op = 'INSERT' or (new.handler_type, new.handler_config) is distinct from (old.handler_type, old.handler_config) then
        insert into postern.webhook_handlers (tenant_id, webhook_id, since_version, handler_type, handler_config)
        values (new.tenant_id, new.webhook_id, new.version, new.handler_type, new.handler_config)
        on conflict (tenant_id, webhook_id, since_version) do update
            set handler_type = excluded.handler_type, handler_config = excluded.handler_config;
    end if;
    return null;
end
$$;
create trigger webhooks_keep_handler after insert or update of handler_type, handler_config on postern.webhooks
    for each row execute function postern.keep_webhook_handler();

insert into postern.webhook_handlers (tenant_id, webhook_id, since_version, handler_type, handler_config)
select tenant_id, webhook_id, version, handler_type, handler_config from postern.webhooks;
