-- Replays of many deliveries, made by the workers at a rate.
-- depends: 0013.replays

create table postern.replay_jobs (
    tenant_id      uuid not null references postern.tenants,
    replay_job_id  uuid not null,
    webhook_id     uuid, -- null: of all webhooks
    conditions     jsonb not null, -- what deliveries have to be like
    most_count     integer not null check (most_count between 1 and 100000),
    per_second     double precision not null check (per_second > 0),
    status         text not null default 'selecting'
                   check (status in ('selecting', 'running', 'done', 'cancelled')),
    is_paused      boolean not null default false,
    position       uuid not null, -- how far selecting has come
    end_id         uuid not null, -- what is recorded later is not meant, such as the job's own replays
    limit_reached  boolean not null default false,
    selected_count integer not null default 0,
    replayed_count integer not null default 0,
    skipped_count  integer not null default 0, -- their webhook was deleted or switched off meanwhile
    due_at         timestamptz not null default now(),
    created_by     text not null,
    created_at     timestamptz not null default now(),
    finished_at    timestamptz,
    primary key (tenant_id, replay_job_id)
);
create index replay_jobs_due on postern.replay_jobs (due_at) where status in ('selecting', 'running') and not is_paused;

-- What a job is to replay; each delivery once.
create table postern.replay_job_deliveries (
    tenant_id     uuid not null,
    replay_job_id uuid not null,
    source_id     uuid not null,
    replay_id     uuid, -- null: not made, or skipped
    is_done       boolean not null default false,
    primary key (tenant_id, replay_job_id, source_id)
);
create index replay_job_deliveries_left on postern.replay_job_deliveries (tenant_id, replay_job_id, source_id)
    where not is_done;

do $$
declare
    table_name text;
begin
    foreach table_name in array array['replay_jobs', 'replay_job_deliveries']
    loop
        execute format('alter table postern.%I enable row level security', table_name);
        execute format(
            'create policy one_tenant on postern.%I to postern_tenant
             using (tenant_id = postern.current_tenant()) with check (tenant_id = postern.current_tenant())',
            table_name);
        execute format(
            'create policy all_tenants on postern.%I to postern_system using (true) with check (true)', table_name);
        execute format(
            'grant select, insert, update, delete on postern.%I to postern_tenant, postern_system', table_name);
    end loop;
end
$$;

-- Without pruning while it runs, and with rows changed besides: see 0019.locks_without_run_time_pruning.
create function postern.replay_next(
    in_tenant_id uuid, in_replay_job_id uuid, in_new_ids uuid[], out replayed bigint, out skipped bigint)
language plpgsql
set enable_partition_pruning = off
as $$
begin
    with next as (
        select source_id, row_number() over (order by source_id) as number
        from (
            select source_id from postern.replay_job_deliveries
            where tenant_id = in_tenant_id and replay_job_id = in_replay_job_id and not is_done
            order by source_id
            limit cardinality(in_new_ids)) waiting
    ), source as (
        select d.*, next.number, w.version
        from next
        cross join lateral (
            select * from postern.deliveries d
            where d.tenant_id = in_tenant_id and d.delivery_id = next.source_id
            offset 0) d
        cross join lateral (
            select w.version from postern.webhooks w
            where w.tenant_id = in_tenant_id and w.webhook_id = d.webhook_id and w.is_active and w.deleted_at is null
            offset 0) w
    ), recorded as (
        insert into postern.deliveries
            (tenant_id, delivery_id, webhook_id, webhook_version, received_at, request_method, request_path,
             request_headers, request_body, source_address, idempotency_key, idempotency_fault, ordering_key,
             auth_status, dispatch_status, response_status, is_replay, is_test, replayed_from)
        select tenant_id, in_new_ids[number], webhook_id, version, now(), request_method, request_path,
               request_headers, request_body, source_address, idempotency_key, idempotency_fault, ordering_key,
               'verified', 'pending', 202, true, is_test, delivery_id
        from source
        order by number
        returning tenant_id, delivery_id, ordering_key, replayed_from
    ), queued as (
        insert into postern.outbox (tenant_id, delivery_id, available_at, ordering_key)
        select tenant_id, delivery_id, now(), ordering_key from recorded order by delivery_id
    ), noted as (
        update postern.replay_job_deliveries i
        set is_done = true,
            replay_id = (select r.delivery_id from recorded r where r.replayed_from = i.source_id)
        where i.tenant_id = in_tenant_id and i.replay_job_id = in_replay_job_id and i.source_id = any (array(select source_id from next))
    )
    select (select count(*) from recorded),
           (select count(*) from next) - (select count(*) from recorded)
    into replayed, skipped;
end
$$;
