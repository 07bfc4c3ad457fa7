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
