-- delete_published --
-- Delete rows whose delivery the queue has taken over; a row written anew for a later attempt stays.
-- $1 tenant_ids, $2 delivery_ids, $3 attempts
delete from postern.outbox o
using unnest($1::uuid[], $2::uuid[], $3::integer[]) as published (tenant_id, delivery_id, attempt)
where o.tenant_id = published.tenant_id and o.delivery_id = published.delivery_id and o.attempt = published.attempt
