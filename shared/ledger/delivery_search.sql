-- plan_once --
-- Have this transaction plan each of these statements for any arguments, once for its connection: with a partition for
-- each day planning takes several times as long as reading a page, and all of them find their rows by key.
select set_config('plan_cache_mode', 'force_generic_plan', true)

-- newest_of_webhook --
-- Ids of deliveries of one webhook between two ids, newest first.
-- $1 tenant_id, $2 webhook_id, $3 first delivery_id that counts, $4 delivery_id before which they are, $5 limit
select delivery_id from postern.deliveries
where tenant_id = $1 and webhook_id = $2 and delivery_id >= $3 and delivery_id < $4
order by delivery_id desc
limit $5

-- newest_of_tenant --
-- Ids of deliveries of all webhooks, and of requests for webhooks that do not exist, between two ids, newest first.
-- $1 tenant_id, $2 first delivery_id that counts, $3 delivery_id before which they are, $4 limit
select delivery_id from postern.deliveries
where tenant_id = $1 and delivery_id >= $2 and delivery_id < $3
order by delivery_id desc
limit $4

-- list_matching --
-- Of these deliveries those that match, in the order in which they are named; each is looked up by its key, whatever
-- the tables' sizes. Each condition may be null. An outcome may quote a NUL, which PostgreSQL's text cannot hold. A
-- named event type is looked for in headers and small bodies alone, as bytes: whoever reads the rows decides.
-- $1 tenant_id, $2 delivery_ids, $3 limit, $4 size of small bodies in bytes, $5 dispatch_status, $6 auth_status,
-- $7 idempotency_key, $8 external id, $9 address or network, $10 outcome, $11 is_test, $12 is_replay,
-- $13 ways to write the event type, $14 ways to write the text that small bodies have to contain
select d.tenant_id, d.delivery_id, d.webhook_id, d.webhook_version, d.secret_id, d.received_at, d.request_method,
       d.request_path, d.source_address, d.idempotency_key, d.idempotency_fault, d.ordering_key, d.auth_status, d.dispatch_status,
       d.response_status, d.handler_outcome, d.duration_ms, d.retry_count, d.next_attempt_at, d.completed_at,
       d.is_replay, d.is_test, d.replayed_from, d.duplicate_of, d.request_headers,
       octet_length(d.request_body) as request_body_bytes,
       case when octet_length(d.request_body) <= $4::integer then d.request_body end as small_body,
       d.written_by
from unnest($2::uuid[]) with ordinality as wanted (delivery_id, place)
cross join lateral (
    select d.*, d.xmin::text::bigint as written_by from postern.deliveries d
    where d.tenant_id = $1 and d.delivery_id = wanted.delivery_id
    offset 0) d
cross join lateral (
    select replace(d.handler_outcome::text, '\u0000', '\ufffd')::json as document) outcome
where ($5::text is null or d.dispatch_status = $5)
  and ($6::text is null or d.auth_status = $6)
  and ($7::text is null or d.idempotency_key = $7)
  and ($11::boolean is null or d.is_test = $11)
  and ($12::boolean is null or d.is_replay = $12)
  and ($8::text is null or outcome.document ->> 'external_id' = $8)
  and ($10::text is null
       or $10 in (outcome.document ->> 'code', outcome.document ->> 'last_code', outcome.document ->> 'error',
                  outcome.document ->> 'action', outcome.document ->> 'workflow'))
  and ($9::text is null
       or case when pg_input_is_valid(d.source_address, 'inet')
               then d.source_address::inet <<= nullif($9, 'unknown')::inet
               else d.source_address = $9 end)
  and ($13::bytea[] is null
       or exists (
           select from unnest($13::bytea[]) as written
           where position(written in d.request_headers) > 0
              or (octet_length(d.request_body) <= $4 and position(written in d.request_body) > 0)))
  -- Escaped, any bytes are ASCII text, whose case can be changed.
  and ($14::bytea[] is null
       or (octet_length(d.request_body) <= $4
           and exists (
               select from unnest($14::bytea[]) as written
               where position(lower(encode(written, 'escape') collate "C")
                              in lower(encode(d.request_body, 'escape') collate "C")) > 0)))
order by wanted.place
limit $3

-- list_bodies --
-- Headers and bodies of deliveries.
-- $1 tenant_id, $2 delivery_ids
select d.delivery_id, d.request_headers, d.request_body
from unnest($2::uuid[]) as wanted (delivery_id)
cross join lateral (
    select * from postern.deliveries d where d.tenant_id = $1 and d.delivery_id = wanted.delivery_id offset 0) d

-- oldest_of_webhook --
-- Ids of deliveries of one webhook between two ids, oldest first.
-- $1 tenant_id, $2 webhook_id, $3 delivery_id after which they are, $4 delivery_id before which they are, $5 limit
select delivery_id from postern.deliveries
where tenant_id = $1 and webhook_id = $2 and delivery_id > $3 and delivery_id < $4
order by delivery_id
limit $5

-- oldest_of_tenant --
-- Ids of deliveries of all webhooks between two ids, oldest first.
-- $1 tenant_id, $2 delivery_id after which they are, $3 delivery_id before which they are, $4 limit
select delivery_id from postern.deliveries
where tenant_id = $1 and delivery_id > $2 and delivery_id < $3
order by delivery_id
limit $4
