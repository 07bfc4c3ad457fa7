-- Lists of webhooks in several orders; when secrets were last used.
-- depends: 0009.lookups

-- Lists -------------------------------------------------------------------------------------------

-- By what names are sorted, whatever their case, the same on every server.
alter table postern.webhooks add column name_key text collate "C" generated always as (lower(name)) stored;

create index webhooks_name on postern.webhooks (tenant_id, name_key, webhook_id)
    where deleted_at is null;
create index webhooks_created on postern.webhooks (tenant_id, created_at, webhook_id)
    where deleted_at is null;
create index webhooks_updated on postern.webhooks (tenant_id, updated_at, webhook_id)
    where deleted_at is null;

-- Secrets -----------------------------------------------------------------------------------------

alter table postern.webhook_secrets add column last_used_at timestamptz;
