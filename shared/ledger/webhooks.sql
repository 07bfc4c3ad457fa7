-- insert --
-- $1 tenant_id, $2 webhook_id, $3 name, $4 slug, $5 description, $6 auth_type, $7 auth_config,
-- $8 idempotency_source, $9 idempotency_window_seconds, $10 handler_type, $11 handler_config,
-- $12 rate_limit_per_minute, $13 is_active, $14 retry_policy, $15 ordering, $16 created_by
insert into postern.webhooks
    (tenant_id, webhook_id, name, slug, description, auth_type, auth_config, idempotency_source,
     idempotency_window_seconds, handler_type, handler_config, rate_limit_per_minute, is_active, retry_policy,
     ordering, created_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)

-- update --
-- Replace everything that an admin may set; switching it on again lifts an automatic stop.
-- $1 tenant_id, $2 webhook_id, $3 name, $4 slug, $5 description, $6 auth_type, $7 auth_config,
-- $8 idempotency_source, $9 idempotency_window_seconds, $10 handler_type, $11 handler_config,
-- $12 rate_limit_per_minute, $13 is_active, $14 retry_policy, $15 ordering
update postern.webhooks
set name = $3, slug = $4, description = $5, auth_type = $6, auth_config = $7, idempotency_source = $8,
    idempotency_window_seconds = $9, handler_type = $10, handler_config = $11, rate_limit_per_minute = $12,
    is_active = $13, retry_policy = $14, ordering = $15, auto_disabled_at = case when $13 then null else auto_disabled_at end,
    version = version + 1, updated_at = now()
where tenant_id = $1 and webhook_id = $2 and deleted_at is null

-- switch --
-- Enable or disable; enabling lifts an automatic stop.
-- $1 tenant_id, $2 webhook_id, $3 is_active
update postern.webhooks
set is_active = $3, auto_disabled_at = case when $3 then null else auto_disabled_at end,
    version = version + 1, updated_at = now()
where tenant_id = $1 and webhook_id = $2 and deleted_at is null

-- list_slugs --
-- The slugs in use that begin with a text, so that a new one can be made up.
-- $1 tenant_id, $2 prefix
select slug from postern.webhooks
where tenant_id = $1 and deleted_at is null and slug is not null and starts_with(slug, $2)

-- touch --
-- Give the webhook a new version: its secrets changed, and gateways look at webhooks alone.
-- $1 tenant_id, $2 webhook_id
update postern.webhooks set version = version + 1, updated_at = now()
where tenant_id = $1 and webhook_id = $2 and deleted_at is null

-- delete --
-- Mark as deleted: its deliveries stay readable, its slug becomes free.
-- $1 tenant_id, $2 webhook_id
update postern.webhooks
set deleted_at = now(), is_active = false, sample_armed_at = null, sample_expires_at = null,
    version = version + 1, updated_at = now()
where tenant_id = $1 and webhook_id = $2 and deleted_at is null

-- lock --
-- Hold the webhook against other changes until the transaction ends.
-- $1 tenant_id, $2 webhook_id
select webhook_id from postern.webhooks
where tenant_id = $1 and webhook_id = $2 and deleted_at is null
for update

-- find --
-- One webhook; a deleted one too.
-- $1 tenant_id, $2 webhook_id
select w.tenant_id, t.slug as tenant_slug, w.webhook_id, w.name, w.slug, w.description, w.auth_type, w.auth_config,
       w.idempotency_source, w.idempotency_window_seconds, w.handler_type, w.handler_config, w.rate_limit_per_minute,
       w.is_active, w.retry_policy, w.ordering, w.auto_disabled_at, w.version, w.created_by, w.created_at, w.updated_at, w.deleted_at,
       w.sample_armed_at is not null as sample_armed,
       case when w.sample_expires_at > now() then w.sample_expires_at end as sample_expires_at
from postern.webhooks w
join postern.tenants t on t.tenant_id = w.tenant_id
where w.tenant_id = $1 and w.webhook_id = $2

-- list_by_ids --
-- Webhooks by their ids.
-- $1 tenant_id, $2 webhook_ids
select w.tenant_id, t.slug as tenant_slug, w.webhook_id, w.name, w.slug, w.description, w.auth_type, w.auth_config,
       w.idempotency_source, w.idempotency_window_seconds, w.handler_type, w.handler_config, w.rate_limit_per_minute,
       w.is_active, w.retry_policy, w.ordering, w.auto_disabled_at, w.version, w.created_by, w.created_at, w.updated_at, w.deleted_at,
       w.sample_armed_at is not null as sample_armed,
       case when w.sample_expires_at > now() then w.sample_expires_at end as sample_expires_at
from postern.webhooks w
join postern.tenants t on t.tenant_id = w.tenant_id
where w.tenant_id = $1 and w.webhook_id = any($2::uuid[])
