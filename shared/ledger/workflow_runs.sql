-- enqueue --
-- Start a run of the engine that lives in this database, when the transaction commits.
-- $1 run_id, $2 workflow, $3 queue, $4 version, $5 envelope as JSON text
select postern.enqueue_workflow($1, $2, $3, $4, $5::text::json)

-- insert --
-- Link a run to the delivery that started it. Most end within a second, before they are asked about.
-- $1 tenant_id, $2 delivery_id, $3 run_id, $4 workflow, $5 engine
insert into postern.workflow_runs (tenant_id, delivery_id, run_id, workflow, engine, look_at)
values ($1, $2, $3, $4, $5, now() + interval '1 second')
on conflict (tenant_id, delivery_id) do nothing

-- find --
-- The run that a delivery started.
-- $1 tenant_id, $2 delivery_id
select run_id, workflow, engine, status, result, error, started_at, refreshed_at, ended_at
from postern.workflow_runs where tenant_id = $1 and delivery_id = $2

-- claim_open --
-- Runs to ask about, of those that have not ended as far as is known. They are asked about again once a tenth of their
-- age has passed, after a second at least and a minute at most; what another worker claims at the same time is passed
-- over.
-- $1 engine, $2 limit
update postern.workflow_runs r
set refreshed_at = now(),
    look_at = now() + greatest(least((now() - started_at) / 10, interval '1 minute'), interval '1 second')
from (
    select tenant_id, delivery_id from postern.workflow_runs
    where engine = $1 and ended_at is null and look_at <= now()
    order by look_at limit $2 for update skip locked
) due
where r.tenant_id = due.tenant_id and r.delivery_id = due.delivery_id
returning r.tenant_id, r.delivery_id, r.run_id, r.started_at < now() - interval '10 minutes' as is_old

-- record_ended --
-- Note how runs ended.
-- $1 tenant_ids, $2 delivery_ids, $3 statuses, $4 results as JSON text, $5 errors
update postern.workflow_runs r
set status = seen.status, result = seen.result::json, error = seen.error, ended_at = now()
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])
    as seen (tenant_id, delivery_id, status, result, error)
where r.tenant_id = seen.tenant_id and r.delivery_id = seen.delivery_id and r.ended_at is null

-- list_old --
-- Runs that ended before the deliveries that are still kept.
-- $1 days, $2 limit
select tenant_id, delivery_id, run_id, engine from postern.workflow_runs
where ended_at < now() - make_interval(days => $1) order by ended_at limit $2

-- delete --
-- Delete runs.
-- $1 tenant_ids, $2 delivery_ids
delete from postern.workflow_runs r using unnest($1::uuid[], $2::uuid[]) as old (tenant_id, delivery_id)
where r.tenant_id = old.tenant_id and r.delivery_id = old.delivery_id

-- insert_executor --
-- Make a worker's engine known, whose runs others take over when it has died.
-- $1 executor_id
insert into postern.workflow_executors (executor_id) values ($1) on conflict (executor_id) do nothing

-- take_sign --
-- Hold the sign of life of a worker's engine, for as long as this connection lasts.
-- $1 executor_id
select pg_advisory_lock(hashtextextended('postern.workflow_executor:' || $1, 0))

-- list_dead_executors --
-- Engines whose sign of life nobody holds.
select executor_id from postern.workflow_executors
where pg_try_advisory_xact_lock_shared(hashtextextended('postern.workflow_executor:' || executor_id, 0))

-- delete_executor --
-- Forget an engine that has died and has left no runs.
-- $1 executor_id
delete from postern.workflow_executors where executor_id = $1
