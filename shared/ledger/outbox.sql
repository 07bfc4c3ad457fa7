-- delete_published --
-- Delete rows whose delivery the queue has taken over; a row written anew since, for a later attempt or for another
-- try of the same, stays. One that comes back after a crash of the server is recognised, so that the commit need not wait for the disk.
-- $1 tenant_ids, $2 delivery_ids, $3 attempts
with unflushed as materialized (select set_config('synchronous_commit', 'off', true))
delete from postern.outbox o
using unflushed, unnest($1::uuid[], $2::uuid[], $3::integer[]) as published (tenant_id, delivery_id, attempt)
where o.tenant_id = published.tenant_id and o.delivery_id = published.delivery_id and o.attempt = published.attempt
  and o.ticket = 0
