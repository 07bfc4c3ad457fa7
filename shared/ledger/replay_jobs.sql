-- insert --
-- $1 tenant_id, $2 replay_job_id, $3 webhook_id or null, $4 conditions as JSON text, $5 most_count, $6 per_second,
-- $7 delivery_id after which deliveries are meant, $8 delivery_id before which they are, $9 created_by
insert into postern.replay_jobs
    (tenant_id, replay_job_id, webhook_id, conditions, most_count, per_second, position, end_id, created_by)
values ($1, $2, $3, $4::text::jsonb, $5, $6, $7, $8, $9)

-- find --
-- $1 tenant_id, $2 replay_job_id
select replay_job_id, webhook_id, conditions, most_count, per_second, status, is_paused, limit_reached, selected_count,
       replayed_count, skipped_count, created_by, created_at, finished_at
from postern.replay_jobs
where tenant_id = $1 and replay_job_id = $2

-- list_page --
-- The newest first.
-- $1 tenant_id, $2 replay_job_id before which they are, $3 limit
select replay_job_id, webhook_id, conditions, most_count, per_second, status, is_paused, limit_reached, selected_count,
       replayed_count, skipped_count, created_by, created_at, finished_at
from postern.replay_jobs
where tenant_id = $1 and replay_job_id < $2
order by replay_job_id desc
limit $3

-- set_paused --
-- Pause a job that is not finished, or let it go on. Returns its id where it is not finished.
-- $1 tenant_id, $2 replay_job_id, $3 is_paused
update postern.replay_jobs set is_paused = $3, due_at = now()
where tenant_id = $1 and replay_job_id = $2 and status in ('selecting', 'running')
returning replay_job_id

-- cancel --
-- End a job; what it has made stays. Returns its id where it was not finished.
-- $1 tenant_id, $2 replay_job_id
update postern.replay_jobs set status = 'cancelled', finished_at = now()
where tenant_id = $1 and replay_job_id = $2 and status in ('selecting', 'running')
returning replay_job_id

-- claim_due --
-- Lock one job that is due until the end of the transaction, the one that waits longest.
select tenant_id, replay_job_id, webhook_id, conditions, most_count, per_second, status, position, end_id,
       selected_count
from postern.replay_jobs
where status in ('selecting', 'running') and not is_paused and due_at <= now()
order by due_at
limit 1
for update skip locked

-- select_deliveries --
-- Note what a claimed job is to replay, each delivery once.
-- $1 tenant_id, $2 replay_job_id, $3 delivery_ids, $4 how far selecting has come, $5 whether it is at its end,
-- $6 whether the limit ended it
with noted as (
    insert into postern.replay_job_deliveries (tenant_id, replay_job_id, source_id)
    select $1, $2, unnest($3::uuid[])
    on conflict do nothing
    returning 1
)
update postern.replay_jobs
set selected_count = selected_count + (select count(*) from noted), position = $4,
    status = case when $5::boolean then 'running' else status end, limit_reached = $6
where tenant_id = $1 and replay_job_id = $2

-- waits_for_live --
-- Whether deliveries of a tenant have been due for some seconds: replays have to stand back.
-- $1 tenant_id, $2 seconds
select exists (
    select from postern.outbox
    where tenant_id = $1 and available_at is not null and available_at < now() - make_interval(secs => $2))

-- put_off --
-- $1 tenant_id, $2 replay_job_id, $3 seconds
update postern.replay_jobs set due_at = now() + make_interval(secs => $3)
where tenant_id = $1 and replay_job_id = $2

-- replay_next --
-- Replay the next deliveries of a claimed job, in the order of acceptance, as many as there are new ids; with the
-- configuration that their webhooks have now. Where a webhook is gone or switched off, its delivery is skipped.
-- Returns how many were replayed and how many skipped.
-- $1 tenant_id, $2 replay_job_id, $3 new delivery_ids
select replayed, skipped from postern.replay_next($1, $2, $3)

-- note_progress --
-- $1 tenant_id, $2 replay_job_id, $3 replayed, $4 skipped, $5 whether nothing is left, $6 seconds to the next part
update postern.replay_jobs
set replayed_count = replayed_count + $3, skipped_count = skipped_count + $4,
    status = case when $5::boolean then 'done' else status end,
    finished_at = case when $5 then now() end,
    -- A job that was late makes up for a second, and no more.
    due_at = greatest(due_at, now() - interval '1 second') + make_interval(secs => $6)
where tenant_id = $1 and replay_job_id = $2

-- delete_old --
-- Delete a batch of finished jobs that are old, with what they selected; return how many.
-- $1 days, $2 limit
with old as (
    select tenant_id, replay_job_id from postern.replay_jobs
    where finished_at < now() - make_interval(days => $1)
    limit $2
), deleted as (
    delete from postern.replay_job_deliveries i using old
    where i.tenant_id = old.tenant_id and i.replay_job_id = old.replay_job_id
), gone as (
    delete from postern.replay_jobs j using old
    where j.tenant_id = old.tenant_id and j.replay_job_id = old.replay_job_id
    returning 1
)
select count(*) from gone
