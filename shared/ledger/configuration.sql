-- list_changed --
-- Webhooks changed by transactions that may have ended since a look with the given horizon, with their live and
-- coming secrets; deleted and inactive ones too, so that a reader can drop them. The new horizon comes back
-- with `horizon`.
-- $1 horizon xid8 as text; '0' lists all
select w.tenant_id, w.webhook_id, t.slug as tenant_slug, w.slug, w.auth_type, w.auth_config, w.idempotency_source,
       w.idempotency_window_seconds, w.handler_type, w.handler_config, w.rate_limit_per_minute,
       w.is_active and t.is_active and w.deleted_at is null as is_active, w.version, w.retry_policy, w.ordering,
       coalesce((select array_agg((s.secret_id, s.sealed, s.valid_from, s.valid_until) order by s.valid_from desc)
                 from postern.webhook_secrets s
                 where s.tenant_id = w.tenant_id and s.webhook_id = w.webhook_id
                   and (s.valid_until is null or s.valid_until > now())), '{}') as secrets
from postern.webhooks w
join postern.tenants t on t.tenant_id = w.tenant_id
where w.changed_xid >= $1::text::xid8

-- horizon --
-- The oldest transaction still running: whatever it or a later one changes has changed_xid of at least this.
select pg_snapshot_xmin(pg_current_snapshot())::text

-- find_webhook --
-- One webhook, active or not; nothing when it is deleted.
-- $1 tenant_id, $2 webhook_id
select w.tenant_id, w.webhook_id, t.slug as tenant_slug, w.slug, w.auth_type, w.auth_config, w.idempotency_source,
       w.idempotency_window_seconds, w.handler_type, w.handler_config, w.rate_limit_per_minute,
       w.is_active and t.is_active as is_active, w.version, w.retry_policy, w.ordering
from postern.webhooks w
join postern.tenants t on t.tenant_id = w.tenant_id
where w.tenant_id = $1 and w.webhook_id = $2 and w.deleted_at is null
