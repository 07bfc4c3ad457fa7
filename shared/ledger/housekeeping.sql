-- create_partitions --
-- Create the day partitions ahead; return how many were new.
-- $1 days_ahead
select postern.create_delivery_partitions($1)

-- drop_partitions --
-- Drop the day partitions older than the retention; return how many.
-- $1 retention_days
select postern.drop_delivery_partitions(now() - make_interval(days => $1))

-- delete_old_attempts --
-- Delete a batch of attempts whose deliveries went with their partitions; return how many.
-- $1 retention_days, $2 limit
with old as (
    select tenant_id, delivery_id, attempt from postern.delivery_attempts
    where started_at < now() - make_interval(days => $1 + 1)
    limit $2
    for update skip locked
), deleted as (
    delete from postern.delivery_attempts a using old
    where a.tenant_id = old.tenant_id and a.delivery_id = old.delivery_id and a.attempt = old.attempt
    returning 1
)
select count(*) from deleted

-- release_orphaned_places --
-- Give on the turns of deliveries that went with their partitions; return how many.
-- $1 retention_days, $2 limit
select count(*) filter (where postern.leave_order(tenant_id, ordering_key, delivery_id))
from (
    select o.tenant_id, o.ordering_key, o.delivery_id
    from postern.ordered_deliveries o
    where o.delivery_id < postern.uuid7_floor(now() - make_interval(days => $1))
      and not exists (select from postern.deliveries d
                      where d.tenant_id = o.tenant_id and d.delivery_id = o.delivery_id)
    order by o.tenant_id, o.ordering_key, o.position
    limit $2) as orphaned

-- delete_expired_requests --
-- Delete a batch of kept answers whose time is over; return how many.
-- $1 limit
with expired as (
    select tenant_id, key_digest from postern.idempotent_requests
    where expires_at < now()
    order by expires_at
    limit $1
    for update skip locked
), deleted as (
    delete from postern.idempotent_requests r using expired e
    where r.tenant_id = e.tenant_id and r.key_digest = e.key_digest
    returning 1
)
select count(*) from deleted

-- delete_expired_keys --
-- Delete a batch of idempotency keys whose window is over; return how many. Keys that a gateway is just now
-- taking anew are passed over.
-- $1 limit
with expired as (
    select tenant_id, webhook_id, key_digest from postern.idempotency_keys
    where expires_at < now()
    order by expires_at
    limit $1
    for update skip locked
), deleted as (
    delete from postern.idempotency_keys k using expired e
    where k.tenant_id = e.tenant_id and k.webhook_id = e.webhook_id and k.key_digest = e.key_digest
    returning 1
)
select count(*) from deleted
