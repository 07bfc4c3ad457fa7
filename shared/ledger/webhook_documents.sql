-- lock_all --
-- Hold every webhook of a tenant against changes until the transaction ends, in one order, so that two cannot deadlock.
-- $1 tenant_id
select webhook_id from postern.webhooks
where tenant_id = $1 and deleted_at is null
order by webhook_id
for update

-- list_ids --
-- Every webhook of a tenant, by slug.
-- $1 tenant_id
select webhook_id from postern.webhooks
where tenant_id = $1 and deleted_at is null and slug is not null
order by slug collate "C"
