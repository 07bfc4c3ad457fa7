-- take_turns --
-- When deliveries may run, in the order given; see the function in the migrations.
-- $1 tenant_id, $2 ordering_keys, $3 delivery_ids, $4 whether to wait for the lock of a key
select postern.take_turns($1, $2::text[], $3::uuid[], $4)

-- claim_following --
-- Lease, of each key, the queued delivery whose turn it is, where it is due, or was parked and nobody has had it since.
-- It comes first, and after it, in order, those that wait for it: nobody runs them before it is closed. One that is
-- locked is just taken by somebody else. A lease that is lost in a crash only brings the delivery back sooner, so that
-- the commit need not wait for the disk.
-- $1 tenant_id, $2 ordering_keys, each once, $3 lease_seconds, $4 largest body that travels, in bytes,
-- $5 most deliveries of a key
with unflushed as materialized (select set_config('synchronous_commit', 'off', true)), due as (
    select n.ordering_key, o.delivery_id
    from unflushed
    cross join unnest($2::text[]) asked (ordering_key)
    join postern.ordered_deliveries n on n.tenant_id = $1 and n.ordering_key = asked.ordering_key and n.has_turn
    join postern.outbox o on o.tenant_id = n.tenant_id and o.delivery_id = n.delivery_id
    where o.available_at <= clock_timestamp() or o.available_at = n.turn_at + interval '0.25 s'
    for update of o skip locked
), leased as (
    update postern.outbox o
    set available_at = now() + make_interval(secs => $3::double precision)
    from due
    where o.tenant_id = $1 and o.delivery_id = due.delivery_id
    returning due.ordering_key, o.delivery_id, o.attempt
), line as (
    select ordering_key, delivery_id, attempt, 0 as position from leased
    union all
    select leased.ordering_key, waiting.delivery_id, null, waiting.position
    from leased
    cross join lateral (
        select n.delivery_id, n.position from postern.ordered_deliveries n
        where n.tenant_id = $1 and n.ordering_key = leased.ordering_key and not n.has_turn
        order by n.position
        limit $5::integer - 1
    ) waiting
)
select line.ordering_key, d.webhook_id, d.delivery_id, coalesce(line.attempt, d.retry_count) as attempt, d.received_at,
       d.request_headers, d.idempotency_key,
       case when octet_length(d.request_body) <= $4::integer then d.request_body end as body
from line
cross join lateral (
    select * from postern.deliveries where tenant_id = $1 and delivery_id = line.delivery_id offset 0
) d
order by line.ordering_key, line.position
