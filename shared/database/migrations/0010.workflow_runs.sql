-- Runs of workflows, linked to the deliveries that started them.
-- depends: 0009.lookups

create table postern.workflow_runs (
    tenant_id    uuid not null,
    delivery_id  uuid not null,
    run_id       text not null,
    workflow     text not null,
    engine       text not null,
    status       text not null default 'running'
                 check (status in ('running', 'succeeded', 'failed', 'cancelled', 'lost')),
    result       json,                                   -- what a run that succeeded returned
    error        text,                                   -- what ended a run that failed
    started_at   timestamptz not null default now(),
    refreshed_at timestamptz not null default now(),     -- when the engine was last asked about it
    look_at      timestamptz not null default now(),     -- when to ask it again
    ended_at     timestamptz,                            -- when it was found to have ended
    primary key (tenant_id, delivery_id)
);
create index workflow_runs_open on postern.workflow_runs (engine, look_at) where ended_at is null;
create index workflow_runs_ended on postern.workflow_runs (ended_at) where ended_at is not null;

alter table postern.workflow_runs enable row level security;
create policy one_tenant on postern.workflow_runs to postern_tenant
    using (tenant_id = postern.current_tenant()) with check (tenant_id = postern.current_tenant());
create policy all_tenants on postern.workflow_runs to postern_system using (true) with check (true);
grant select, insert on postern.workflow_runs to postern_tenant;
grant select, insert, update, delete on postern.workflow_runs to postern_system;

-- Engines that run in workers. Each holds an advisory lock while it lives; whoever finds one without has its runs
-- carried on by others.
create table postern.workflow_executors (
    executor_id text primary key,
    started_at  timestamptz not null default now()
);
alter table postern.workflow_executors enable row level security;
create policy all_tenants on postern.workflow_executors to postern_system using (true) with check (true);
grant select, insert, delete on postern.workflow_executors to postern_system;

-- Start a run of DBOS in the transaction of the caller, who sees nothing else of DBOS. The engine's own schema is made
-- beside these migrations; a run of the id that exists is left as it is. It runs as its owner, whom no policy holds back:
-- so it looks itself that the caller's tenant has the delivery.
create function postern.enqueue_workflow(
    in_run_id text, in_workflow text, in_queue text, in_version text, in_envelope json) returns void
language plpgsql
security definer
set search_path = pg_catalog
as $$
declare
    of_delivery uuid := in_envelope ->> 'delivery_id';
begin
    if in_envelope ->> 'tenant_id' is distinct from postern.current_tenant()::text
        or in_run_id is distinct from 'inbound-webhook:' || of_delivery
        or not exists (
            select from postern.deliveries
            where tenant_id = postern.current_tenant() and delivery_id = of_delivery)
    then
        raise exception 'run % is of no delivery of this tenant', in_run_id using errcode = 'insufficient_privilege';
    end if;
    perform dbos.enqueue_workflow(
        workflow_name => in_workflow, queue_name => in_queue, positional_args => array[in_envelope],
        workflow_id => in_run_id, app_version => in_version);
end
$$;
revoke execute on function postern.enqueue_workflow(text, text, text, text, json) from public;
grant execute on function postern.enqueue_workflow(text, text, text, text, json) to postern_tenant;
