-- claim_due --
-- Lease due rows, oldest first, with what a worker needs of their deliveries. Rows that another consumer is just
-- now claiming are passed over; a row with an ordering key is due only while no earlier delivery of its key is
-- unfinished. A body too large to travel stays in the ledger. A row whose delivery is gone comes with a null webhook_id.
-- $1 limit, $2 lease_seconds, $3 largest body that travels, in bytes
with due as materialized (
    select o.tenant_id, o.delivery_id
    from postern.outbox o
    where o.available_at <= now()
      and (o.ordering_key is null or not exists (
          select from postern.outbox earlier
          where earlier.tenant_id = o.tenant_id and earlier.ordering_key = o.ordering_key
            and earlier.delivery_id < o.delivery_id))
    order by o.available_at
    limit $1::integer
    for update of o skip locked
), claimed as (
    update postern.outbox o
    set available_at = now() + make_interval(secs => $2::double precision)
    from due
    where o.tenant_id = due.tenant_id and o.delivery_id = due.delivery_id
    returning o.tenant_id, o.delivery_id, o.attempt, o.ordering_key
)
select c.tenant_id, c.delivery_id, c.attempt, c.ordering_key, d.webhook_id, d.received_at, d.request_headers,
       d.idempotency_key,
       case when octet_length(d.request_body) <= $3::integer then d.request_body end as body
from claimed c
left join postern.deliveries d on d.tenant_id = c.tenant_id and d.delivery_id = c.delivery_id
order by c.delivery_id

-- delete_finished --
-- Delete rows that nobody has written anew since they were claimed; rows already gone are no fault.
-- $1 tenant_ids, $2 delivery_ids, $3 attempts
delete from postern.outbox o
using unnest($1::uuid[], $2::uuid[], $3::integer[]) as finished (tenant_id, delivery_id, attempt)
where o.tenant_id = finished.tenant_id and o.delivery_id = finished.delivery_id and o.attempt = finished.attempt

-- release --
-- Make claimed rows available again after a delay, unless someone has written them anew.
-- $1 tenant_ids, $2 delivery_ids, $3 attempts, $4 delay_seconds
update postern.outbox o
set available_at = now() + make_interval(secs => $4::double precision)
from unnest($1::uuid[], $2::uuid[], $3::integer[]) as released (tenant_id, delivery_id, attempt)
where o.tenant_id = released.tenant_id and o.delivery_id = released.delivery_id and o.attempt = released.attempt

-- insert_available --
-- Make deliveries available now. A row of another attempt is newer news and stays as it is. Sorted, so that
-- two senders of the same rows do not deadlock.
-- $1 tenant_ids, $2 delivery_ids, $3 attempts, $4 ordering_keys
insert into postern.outbox (tenant_id, delivery_id, available_at, attempt, ordering_key)
select sent.tenant_id, sent.delivery_id, now(), sent.attempt, sent.ordering_key
from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[]) as sent (tenant_id, delivery_id, attempt, ordering_key)
order by sent.tenant_id, sent.delivery_id
on conflict (tenant_id, delivery_id) do update set available_at = excluded.available_at
where outbox.attempt = excluded.attempt
