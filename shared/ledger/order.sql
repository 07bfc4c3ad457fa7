-- take_turn --
-- Whether a delivery may run now; if not, it is parked until its turn comes.
-- $1 tenant_id, $2 ordering_key, $3 delivery_id
select postern.take_turn($1, $2, $3)

-- claim_following --
-- Lease the queued delivery of a key whose turn it is, where it is due, or was parked and nobody has had it since.
-- $1 tenant_id, $2 ordering_key, $3 lease_seconds, $4 largest body that travels, in bytes
with leased as (
    update postern.outbox o
    set available_at = now() + make_interval(secs => $3::double precision)
    from postern.ordered_deliveries n
    where n.tenant_id = $1 and n.ordering_key = $2 and n.has_turn
      and o.tenant_id = n.tenant_id and o.delivery_id = n.delivery_id
      and (o.available_at <= clock_timestamp() or o.available_at = n.turn_at + interval '0.25 s')
    returning o.tenant_id, o.delivery_id, o.attempt
)
select d.webhook_id, d.delivery_id, l.attempt, d.received_at, d.request_headers, d.idempotency_key,
       case when octet_length(d.request_body) <= $4::integer then d.request_body end as body
from leased l
join postern.deliveries d on d.tenant_id = l.tenant_id and d.delivery_id = l.delivery_id
