-- record_accepted --
-- Record accepted deliveries with their keys and outbox rows: one statement, one commit. Returns the ids whose
-- idempotency key was taken already; nothing of those is recorded, see record_repeated. Keys are taken in sorted
-- order, so that batches of several gateways cannot deadlock; a key that another batch is taking is waited for.
-- Not to be sent again after an unknown outcome: see list_recorded.
-- Rows: $1 delivery_id, $2 origin (index into the arrays from $7 on), $3 received_at in ms, $4 headers, $5 body, $6 key
-- Origins: $7 tenant_id, $8 webhook_id, $9 webhook_version, $10 secret_id, $11 method, $12 path,
-- $13 source_address, $14 idempotency window in seconds
-- $15 seconds until the outbox row is due, $16 faults by row, $17 ordering keys by row
with input as (
    select * from unnest($1::uuid[], $2::integer[], $3::bigint[], $4::bytea[], $5::bytea[], $6::text[], $16::text[],
                         $17::text[])
        as row (delivery_id, origin, received_ms, headers, body, key, fault, ordering_key)
), taken as (
    insert into postern.idempotency_keys (tenant_id, webhook_id, key_digest, delivery_id, expires_at)
    select ($7::uuid[])[origin], ($8::uuid[])[origin], sha256(convert_to(key, 'UTF8')), delivery_id,
           now() + make_interval(secs => ($14::integer[])[origin])
    from input where key is not null
    order by 1, 2, 3
    on conflict do nothing
    returning delivery_id
), fresh as (
    select * from input where key is null or delivery_id in (select delivery_id from taken)
), recorded as (
    insert into postern.deliveries (
        tenant_id, delivery_id, webhook_id, webhook_version, secret_id, received_at, request_method, request_path,
        request_headers, request_body, source_address, idempotency_key, idempotency_fault, ordering_key,
        auth_status, dispatch_status, response_status)
    select ($7::uuid[])[origin], delivery_id, ($8::uuid[])[origin], ($9::integer[])[origin], ($10::uuid[])[origin],
           to_timestamp(received_ms::double precision / 1000), ($11::text[])[origin], ($12::text[])[origin],
           headers, body, ($13::text[])[origin], key, fault, ordering_key, 'verified', 'pending', 200
    from fresh
), queued as (
    insert into postern.outbox (tenant_id, delivery_id, available_at, ordering_key)
    select ($7::uuid[])[origin], delivery_id, now() + make_interval(secs => $15::double precision), ordering_key
    from fresh
)
select delivery_id from input where key is not null and delivery_id not in (select delivery_id from taken)

-- list_recorded --
-- Of deliveries whose recording had an unknown outcome, those that are recorded, with the first delivery where they
-- are duplicates.
-- $1 tenant_id, $2 delivery_id; arrays of one length
select d.delivery_id, d.duplicate_of
from unnest($1::uuid[], $2::uuid[]) as sent (tenant_id, delivery_id)
join postern.deliveries d on d.tenant_id = sent.tenant_id and d.delivery_id = sent.delivery_id

-- record_repeated --
-- Record deliveries whose keys were taken a moment ago: as duplicates of the delivery that holds the key, or, where
-- the key has expired or was freed meanwhile, as a first delivery that takes it. Returns each id with its holder's.
-- Rows: $1 delivery_id, $2 origin, $3 received_at in ms, $4 headers, $5 body, $6 key, $16 faults, $17 ordering keys
-- Origins: $7 tenant_id, $8 webhook_id, $9 webhook_version, $10 secret_id, $11 method, $12 path,
-- $13 source_address, $14 idempotency window in seconds; $15 seconds until the outbox row is due
with input as (
    select row.*, ($7::uuid[])[origin] as tenant_id, ($8::uuid[])[origin] as webhook_id,
           sha256(convert_to(key, 'UTF8')) as key_digest
    from unnest($1::uuid[], $2::integer[], $3::bigint[], $4::bytea[], $5::bytea[], $6::text[], $16::text[],
                         $17::text[])
        as row (delivery_id, origin, received_ms, headers, body, key, fault, ordering_key)
), holder as (
    insert into postern.idempotency_keys as taken (tenant_id, webhook_id, key_digest, delivery_id, expires_at)
    select tenant_id, webhook_id, key_digest, delivery_id, now() + make_interval(secs => ($14::integer[])[origin])
    from (select distinct on (tenant_id, webhook_id, key_digest) * from input
          order by tenant_id, webhook_id, key_digest, delivery_id) as candidate
    -- The update of a live key changes nothing: it is how the committed holder is read, and not one that this
    -- statement's snapshot still shows.
    on conflict (tenant_id, webhook_id, key_digest) do update
        set delivery_id = case when taken.expires_at <= now() then excluded.delivery_id else taken.delivery_id end,
            expires_at = case when taken.expires_at <= now() then excluded.expires_at else taken.expires_at end
    returning tenant_id, webhook_id, key_digest, delivery_id
), judged as (
    select input.*, holder.delivery_id as holder_id, holder.delivery_id = input.delivery_id as is_first
    from input join holder using (tenant_id, webhook_id, key_digest)
), recorded as (
    insert into postern.deliveries (
        tenant_id, delivery_id, webhook_id, webhook_version, secret_id, received_at, request_method, request_path,
        request_headers, request_body, source_address, idempotency_key, ordering_key, auth_status,
        dispatch_status, response_status, duplicate_of, completed_at)
    select tenant_id, delivery_id, webhook_id, ($9::integer[])[origin], ($10::uuid[])[origin],
           to_timestamp(received_ms::double precision / 1000), ($11::text[])[origin], ($12::text[])[origin],
           headers, body, ($13::text[])[origin], key, ordering_key, 'verified',
           case when is_first then 'pending' else 'duplicate' end, 200,
           case when is_first then null else holder_id end, case when is_first then null else now() end
    from judged
    on conflict do nothing
), queued as (
    insert into postern.outbox (tenant_id, delivery_id, available_at, ordering_key)
    select tenant_id, delivery_id, now() + make_interval(secs => $15::double precision), ordering_key
    from judged where is_first
    on conflict do nothing
)
select delivery_id, holder_id from judged

-- record_refused --
-- Record refused requests: failed at birth, never queued.
-- $1 tenant_id, $2 delivery_id, $3 webhook_id, $4 webhook_version, $5 received_at in ms, $6 method, $7 path,
-- $8 headers, $9 body, $10 source_address, $11 auth_status, $12 response_status, $13 outcome; arrays of one length
insert into postern.deliveries (
    tenant_id, delivery_id, webhook_id, webhook_version, received_at, request_method, request_path, request_headers,
    request_body, source_address, auth_status, dispatch_status, response_status, handler_outcome, completed_at)
select tenant_id, delivery_id, webhook_id, webhook_version, to_timestamp(received_ms::double precision / 1000),
       method, path, headers, body, source_address, auth_status, 'failed', response_status, outcome::json, now()
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::bigint[], $6::text[], $7::text[], $8::bytea[],
            $9::bytea[], $10::text[], $11::text[], $12::smallint[], $13::text[])
    as row (tenant_id, delivery_id, webhook_id, webhook_version, received_ms, method, path, headers, body,
            source_address, auth_status, response_status, outcome)
on conflict do nothing
