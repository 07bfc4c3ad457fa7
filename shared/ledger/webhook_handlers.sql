-- find --
-- The handler that a webhook had with a version, where it is still known.
-- $1 tenant_id, $2 webhook_id, $3 version
select since_version, handler_type, handler_config from postern.webhook_handlers
where tenant_id = $1 and webhook_id = $2 and since_version <= $3
order by since_version desc
limit 1

-- delete_old --
-- Delete a batch of handlers that others took the place of before any delivery that is still kept; return how many.
-- $1 retention_days, $2 limit
with old as (
    select h.tenant_id, h.webhook_id, h.since_version from postern.webhook_handlers h
    where h.created_at < now() - make_interval(days => $1 + 1)
      and exists (
          select from postern.webhook_handlers later
          where later.tenant_id = h.tenant_id and later.webhook_id = h.webhook_id
            and later.since_version > h.since_version and later.created_at < now() - make_interval(days => $1 + 1))
    limit $2
    for update skip locked
), deleted as (
    delete from postern.webhook_handlers h using old
    where h.tenant_id = old.tenant_id and h.webhook_id = old.webhook_id and h.since_version = old.since_version
    returning 1
)
select count(*) from deleted
