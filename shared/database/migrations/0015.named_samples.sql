-- Samples may be kept under names.
-- depends: 0012.webhook_administration

-- Null: the one that the next capture without a name replaces.
alter table postern.webhook_samples add column name text check (length(name) between 1 and 100);
-- Of several without a name the newest stays.
delete from postern.webhook_samples older using postern.webhook_samples newer
where newer.tenant_id = older.tenant_id and newer.webhook_id = older.webhook_id
  and (newer.captured_at, newer.sample_id) > (older.captured_at, older.sample_id);
create unique index webhook_samples_name on postern.webhook_samples (tenant_id, webhook_id, coalesce(name, ''));

-- The name under which the sample that is waited for will be kept.
alter table postern.webhooks add column sample_name text check (length(sample_name) between 1 and 100);
