-- read_claimed --
-- What a worker needs of claimed deliveries; null where a delivery is gone. A body too large to travel stays in the
-- ledger. Apart from the claim, since the range of ids that picks the partitions is known only then.
-- $1 tenant_ids, $2 delivery_ids, $3 least delivery_id, $4 greatest delivery_id, $5 largest body that travels, in bytes
select d.webhook_id, d.received_at, d.request_headers, d.idempotency_key, d.body
from unnest($1::uuid[], $2::uuid[]) with ordinality as claimed (tenant_id, delivery_id, position)
left join lateral (
    select webhook_id, received_at, request_headers, idempotency_key,
           case when octet_length(request_body) <= $5::integer then request_body end as body
    from postern.deliveries
    where tenant_id = claimed.tenant_id and delivery_id = claimed.delivery_id
      and delivery_id between $3::uuid and $4::uuid
    limit 1
) d on true
order by claimed.position

-- delete_finished --
-- Delete rows that nobody has written anew since they were claimed; rows already gone are no fault. One that comes
-- back after a crash of the server is recognised, so that the commit need not wait for the disk.
-- $1 tenant_ids, $2 delivery_ids, $3 attempts, $4 tickets
with unflushed as materialized (select set_config('synchronous_commit', 'off', true))
delete from postern.outbox o
using unflushed, unnest($1::uuid[], $2::uuid[], $3::integer[], $4::bigint[])
    as finished (tenant_id, delivery_id, attempt, ticket)
where o.tenant_id = finished.tenant_id and o.delivery_id = finished.delivery_id and o.attempt = finished.attempt
  and o.ticket = finished.ticket

-- release --
-- Make claimed rows available again after a delay, unless someone has written them anew.
-- $1 tenant_ids, $2 delivery_ids, $3 attempts, $4 tickets, $5 delay_seconds
update postern.outbox o
set available_at = now() + make_interval(secs => $5::double precision)
from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::bigint[])
    as released (tenant_id, delivery_id, attempt, ticket)
where o.tenant_id = released.tenant_id and o.delivery_id = released.delivery_id and o.attempt = released.attempt
  and o.ticket = released.ticket

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
