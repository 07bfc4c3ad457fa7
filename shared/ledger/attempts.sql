-- find_body --
-- The raw body of a delivery that was too large to travel.
-- $1 tenant_id, $2 delivery_id
select request_body from postern.deliveries where tenant_id = $1 and delivery_id = $2

-- claim --
-- Lock a delivery until the end of the transaction; show where it stands, its webhook's current version, which
-- is null once the webhook is deleted, and the webhook's circuit breaker, null where nothing has failed. Whoever waited for the lock sees what its holder committed.
-- The lock time-out is set in a row that the lock step, which comes last, has to read first.
-- $1 tenant_id, $2 delivery_id, $3 lock time-out with unit
with bounded as materialized (select set_config('lock_timeout', $3, true))
select d.dispatch_status, d.retry_count, w.version as webhook_version,
       b.webhook_id is not null as has_failed, b.opened_at is not null as is_open
from bounded
cross join postern.deliveries d
left join postern.webhooks w
    on w.tenant_id = d.tenant_id and w.webhook_id = d.webhook_id and w.deleted_at is null
left join postern.circuit_breakers b on b.tenant_id = d.tenant_id and b.webhook_id = d.webhook_id
where d.tenant_id = $1 and d.delivery_id = $2
for update of d

-- claim_expected --
-- Claim a delivery as most are met, without a result; raise PN001 where it is not as expected.
-- $1 tenant_id, $2 delivery_id, $3 attempt, $4 the webhook's version, $5 lock time-out with unit
select postern.claim_expected($1, $2, $3, $4, $5)

-- finish --
-- Close a claimed delivery in the transaction that holds its effect.
-- $1 tenant_id, $2 delivery_id, $3 outcome as JSON text, $4 duration_ms
select postern.finish_delivery($1, $2, $3::text::json, $4)

-- claim_group --
-- Claim deliveries as claim_expected does, in the order given.
-- $1 tenant_id, $2 delivery_ids, $3 attempts, $4 versions of their webhooks, $5 lock time-out with unit
select postern.claim_group($1, $2::uuid[], $3::integer[], $4::integer[], $5)

-- finish_group --
-- Close claimed deliveries in the transaction that holds their effects.
-- $1 tenant_id, $2 delivery_ids, $3 outcomes as JSON texts, $4 durations in ms
select postern.finish_group($1, $2::uuid[], $3::text[], $4::real[])

-- fail --
-- End a delivery as failed, unless another copy moved it on meanwhile; free its idempotency key, so that the sender
-- may try again. Returns how many deliveries ended: one or none.
-- $1 tenant_id, $2 delivery_id, $3 the attempt that failed, $4 outcome as JSON text, $5 duration_ms
with failed as (
    update postern.deliveries
    set dispatch_status = 'failed', handler_outcome = $4, duration_ms = $5,
        completed_at = clock_timestamp(), next_attempt_at = null
    where tenant_id = $1 and delivery_id = $2 and dispatch_status = 'pending' and retry_count = $3
    returning tenant_id, delivery_id, webhook_id, idempotency_key
), freed as (
    delete from postern.idempotency_keys k
    using failed f
    where k.tenant_id = f.tenant_id and k.webhook_id = f.webhook_id
      and k.key_digest = sha256(convert_to(f.idempotency_key, 'UTF8')) and k.delivery_id = f.delivery_id
), unqueued as (
    delete from postern.outbox o
    using failed f
    where o.tenant_id = f.tenant_id and o.delivery_id = f.delivery_id
)
select count(*) from failed

-- retry --
-- Put a delivery back for another attempt, unless another copy moved it on meanwhile; keep what this one met.
-- Returns how many deliveries were put back: one or none.
-- $1 tenant_id, $2 delivery_id, $3 the attempt that failed, $4 outcome as JSON text, $5 duration_ms,
-- $6 delay_seconds, $7 ordering_key
with moved as (
    update postern.deliveries
    set retry_count = retry_count + 1, next_attempt_at = now() + make_interval(secs => $6)
    where tenant_id = $1 and delivery_id = $2 and dispatch_status = 'pending' and retry_count = $3
    returning tenant_id, delivery_id, retry_count, next_attempt_at
), kept as (
    insert into postern.delivery_attempts (tenant_id, delivery_id, attempt, started_at, duration_ms, outcome)
    select tenant_id, delivery_id, $3, now() - make_interval(secs => $5::real / 1000), $5, $4 from moved
), queued as (
    insert into postern.outbox (tenant_id, delivery_id, available_at, ordering_key, attempt)
    select tenant_id, delivery_id, next_attempt_at, $7, retry_count from moved
    on conflict (tenant_id, delivery_id) do update
        set available_at = excluded.available_at, ordering_key = excluded.ordering_key, attempt = excluded.attempt,
            held_for = null
)
select count(*) from moved
