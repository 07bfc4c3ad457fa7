-- find --
-- One delivery of one webhook, or of none where $3 is null.
-- $1 tenant_id, $2 delivery_id, $3 webhook_id
select tenant_id, delivery_id, webhook_id, webhook_version, secret_id, received_at, request_method, request_path,
       source_address, idempotency_key, idempotency_fault, ordering_key, auth_status, dispatch_status, response_status,
       handler_outcome, duration_ms,
       retry_count, next_attempt_at, completed_at, is_replay, is_test, replayed_from, duplicate_of,
       request_headers, request_body
from postern.deliveries
where tenant_id = $1 and delivery_id = $2 and ($3::uuid is null or webhook_id = $3)

-- list_attempts --
-- What each attempt at a delivery met, the one that closed it included.
-- $1 tenant_id, $2 delivery_id
select attempt, started_at, duration_ms, outcome from postern.delivery_attempts
where tenant_id = $1 and delivery_id = $2
union all
select retry_count, completed_at - make_interval(secs => duration_ms / 1000), duration_ms, handler_outcome
from postern.deliveries
where tenant_id = $1 and delivery_id = $2 and completed_at is not null and duration_ms is not null
order by attempt

-- list_replays --
-- What a delivery was replayed as, the newest first.
-- $1 tenant_id, $2 delivery_id, $3 limit
select delivery_id, dispatch_status, received_at from postern.deliveries
where tenant_id = $1 and replayed_from = $2 and delivery_id > $2
order by delivery_id desc
limit $3

-- find_waiting --
-- What a delivery that is not finished waits for: its turn, an open circuit breaker, or just a worker.
-- $1 tenant_id, $2 delivery_id
select coalesce(o.held_for is not null, false) as is_held, coalesce(n.is_parked, false) as is_parked,
       b.probe_at as breaker_probe_at
from (values ($1::uuid, $2::uuid)) as wanted (tenant_id, delivery_id)
left join postern.outbox o on o.tenant_id = wanted.tenant_id and o.delivery_id = wanted.delivery_id
left join postern.ordered_deliveries n on n.tenant_id = wanted.tenant_id and n.delivery_id = wanted.delivery_id
left join postern.circuit_breakers b on b.tenant_id = wanted.tenant_id and b.webhook_id = o.held_for

-- insert_test --
-- A delivery made up by an admin, with its outbox row.
-- $1 tenant_id, $2 delivery_id, $3 webhook_id, $4 webhook_version, $5 request_path, $6 request_headers,
-- $7 request_body, $8 source_address
with recorded as (
    insert into postern.deliveries
        (tenant_id, delivery_id, webhook_id, webhook_version, received_at, request_method, request_path,
         request_headers, request_body, source_address, auth_status, dispatch_status, response_status, is_test)
    values ($1, $2, $3, $4, now(), 'POST', $5, $6, $7, $8, 'verified', 'pending', 202, true)
    returning tenant_id, delivery_id
)
insert into postern.outbox (tenant_id, delivery_id, available_at)
select tenant_id, delivery_id, now() from recorded

-- insert_replay --
-- A delivery with the request of an earlier one, with its outbox row; in an order, it comes last. The idempotency
-- key comes along for the handler's use and is not claimed: a replay is no twin of the first.
-- $1 tenant_id, $2 delivery_id, $3 replayed delivery_id, $4 webhook_version
with recorded as (
    insert into postern.deliveries
        (tenant_id, delivery_id, webhook_id, webhook_version, received_at, request_method, request_path,
         request_headers, request_body, source_address, idempotency_key, idempotency_fault, ordering_key,
         auth_status, dispatch_status, response_status, is_replay, is_test, replayed_from)
    select tenant_id, $2, webhook_id, $4, now(), request_method, request_path, request_headers, request_body,
           source_address, idempotency_key, idempotency_fault, ordering_key,
           'verified', 'pending', 202, true, is_test, delivery_id
    from postern.deliveries
    where tenant_id = $1 and delivery_id = $3
    returning tenant_id, delivery_id, ordering_key
)
insert into postern.outbox (tenant_id, delivery_id, available_at, ordering_key)
select tenant_id, delivery_id, now(), ordering_key from recorded

-- insert_replays --
-- Replay up to as many matching deliveries as there are ids, those received first first. Only what a handler could
-- take is replayed: authenticated, JSON, settled, and no duplicate. Returns the new ids in that order.
-- $1 tenant_id, $2 webhook_id, $3 new delivery_ids, $4 webhook_version, $5 dispatch_status, $6 received from,
-- $7 received to, $8 outcome code; $5 to $8 may be null
with chosen as (
    select d.delivery_id, row_number() over (order by d.delivery_id) as number
    from postern.deliveries d
    where d.tenant_id = $1 and d.webhook_id = $2
      and d.auth_status = 'verified' and d.dispatch_status in ('dispatched', 'failed')
      and d.response_status <> 400
      and ($5::text is null or d.dispatch_status = $5)
      -- The id's time only bounds the search; a clock may have stood a little otherwise.
      and ($6::timestamptz is null
           or (d.received_at >= $6 and d.delivery_id >= postern.uuid7_floor($6 - interval '1 hour')))
      and ($7::timestamptz is null
           or (d.received_at <= $7 and d.delivery_id < postern.uuid7_floor($7 + interval '1 hour')))
      -- An outcome may quote a NUL, which PostgreSQL's text cannot hold.
      and ($8::text is null or replace(d.handler_outcome::text, '\u0000', '\ufffd')::json ->> 'code' = $8)
    order by d.delivery_id
    limit cardinality($3::uuid[])
), recorded as (
    insert into postern.deliveries
        (tenant_id, delivery_id, webhook_id, webhook_version, received_at, request_method, request_path,
         request_headers, request_body, source_address, idempotency_key, idempotency_fault, ordering_key,
         auth_status, dispatch_status, response_status, is_replay, is_test, replayed_from)
    select d.tenant_id, ($3::uuid[])[chosen.number], d.webhook_id, $4, now(), d.request_method, d.request_path,
           d.request_headers, d.request_body, d.source_address, d.idempotency_key, d.idempotency_fault,
           d.ordering_key, 'verified', 'pending', 202, true, d.is_test, d.delivery_id
    from chosen
    join postern.deliveries d on d.tenant_id = $1 and d.delivery_id = chosen.delivery_id
    order by chosen.number
    returning tenant_id, delivery_id, ordering_key
), queued as (
    insert into postern.outbox (tenant_id, delivery_id, available_at, ordering_key)
    select tenant_id, delivery_id, now(), ordering_key from recorded order by delivery_id
)
select delivery_id from recorded order by delivery_id
