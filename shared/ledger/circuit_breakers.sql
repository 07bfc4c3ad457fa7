-- count_failure --
-- Note a failed attempt. Enough of them in a row open the breaker; that of the probe holds on for twice as long.
-- Failures of one delivery again and again count once: they say little about the others. Returns whether this
-- failure opened it.
-- $1 tenant_id, $2 webhook_id, $3 delivery_id, $4 failures that open it, $5 first hold, $6 longest hold in seconds
insert into postern.circuit_breakers as b
    (tenant_id, webhook_id, failures, last_failed, hold_seconds, opened_at, probe_at)
values ($1, $2, 1, $3, $5, case when $4::integer <= 1 then now() end,
        case when $4::integer <= 1 then now() + make_interval(secs => $5) end)
on conflict (tenant_id, webhook_id) do update set
    failures = b.failures + (b.last_failed <> excluded.last_failed)::integer,
    last_failed = excluded.last_failed,
    opened_at = case
        when b.opened_at is not null then b.opened_at
        when b.failures + (b.last_failed <> excluded.last_failed)::integer >= $4 then now() end,
    hold_seconds = case when b.probe_id = $3 then least(b.hold_seconds * 2, $6) else b.hold_seconds end,
    probe_at = case
        when b.probe_id = $3 then now() + make_interval(secs => least(b.hold_seconds * 2, $6))
        when b.opened_at is not null then b.probe_at
        when b.failures + (b.last_failed <> excluded.last_failed)::integer >= $4
            then now() + make_interval(secs => b.hold_seconds) end,
    probe_until = case when b.probe_id = $3 then null else b.probe_until end,
    probe_id = nullif(b.probe_id, $3)
returning coalesce(opened_at = now(), false)

-- take_probe --
-- Let one delivery try although the breaker is open: once its hold is over, and one at a time. Returns its id or
-- nothing.
-- $1 tenant_id, $2 webhook_id, $3 delivery_id, $4 lease_seconds
update postern.circuit_breakers
set probe_id = $3, probe_until = now() + make_interval(secs => $4)
where tenant_id = $1 and webhook_id = $2 and opened_at is not null and probe_at <= now()
  and (probe_id is null or probe_id = $3 or probe_until <= now())
returning probe_id

-- end_probe --
-- A probe that told nothing about the target: the next delivery may try.
-- $1 tenant_id, $2 webhook_id, $3 delivery_id
update postern.circuit_breakers set probe_id = null, probe_until = null
where tenant_id = $1 and webhook_id = $2 and probe_id = $3

-- hold --
-- Put a delivery back without using up an attempt, until after the next probe; the more are held already the later,
-- so that few come by while the breaker is open. The cap serves where nobody releases them. Returns how many
-- were put back: none where the breaker is closed or another copy moved the delivery on.
-- $1 tenant_id, $2 webhook_id, $3 delivery_id, $4 attempt, $5 ordering_key, $6 longest hold in seconds
with open as (
    update postern.circuit_breakers b
    set held_count = held_count + 1
    where b.tenant_id = $1 and b.webhook_id = $2 and b.opened_at is not null
    returning least(
        greatest(b.probe_at, b.probe_until, now() + interval '0.1 s')
            + make_interval(secs => b.held_count * b.hold_seconds / 10),
        greatest(b.probe_at, now()) + make_interval(secs => $6::double precision)) as until
), moved as (
    update postern.deliveries d
    set next_attempt_at = open.until
    from open
    where d.tenant_id = $1 and d.delivery_id = $3 and d.dispatch_status = 'pending' and d.retry_count = $4
    returning d.next_attempt_at
), queued as (
    insert into postern.outbox (tenant_id, delivery_id, available_at, ordering_key, attempt, ticket, held_for)
    select $1, $3, next_attempt_at, $5, $4, nextval('postern.outbox_ticket'), $2 from moved
    on conflict (tenant_id, delivery_id) do update
        set available_at = excluded.available_at, ordering_key = excluded.ordering_key, attempt = excluded.attempt,
            ticket = excluded.ticket, held_for = excluded.held_for
)
select count(*) from moved

-- find --
-- How a webhook's breaker stands; no row where nothing has failed since the last success.
-- $1 tenant_id, $2 webhook_id
select case when opened_at is null then 'closed' when probe_at > now() then 'open' else 'half_open' end as state,
       failures, opened_at, probe_at
from postern.circuit_breakers
where tenant_id = $1 and webhook_id = $2

-- close --
-- Forget failures after a success. Returns whether the breaker was open.
-- $1 tenant_id, $2 webhook_id
delete from postern.circuit_breakers where tenant_id = $1 and webhook_id = $2
returning opened_at is not null

-- release --
-- Make a batch of held deliveries due; returns how many.
-- $1 tenant_id, $2 webhook_id, $3 limit
with held as materialized (
    select delivery_id from postern.outbox
    where tenant_id = $1 and held_for = $2
    limit $3
    for update skip locked
), released as (
    update postern.outbox o
    set available_at = least(o.available_at, now()), held_for = null
    from held
    where o.tenant_id = $1 and o.delivery_id = held.delivery_id
    returning o.delivery_id
)
select count(*) from released
