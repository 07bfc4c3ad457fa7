-- list_page --
-- Mappings of one webhook, by entity type and external id.
-- $1 tenant_id, $2 webhook_id, $3 limit
select entity_type, external_id, realm, entity_id, sync_status, delivery_id, created_at, updated_at
from postern.external_entity_mappings
where tenant_id = $1 and webhook_id = $2
order by entity_type, external_id, realm
limit $3

-- lock --
-- One mapping, held until the transaction ends.
-- $1 tenant_id, $2 webhook_id, $3 entity_type, $4 external_id, $5 realm
select entity_type, external_id, realm, entity_id, sync_status, delivery_id, created_at, updated_at
from postern.external_entity_mappings
where tenant_id = $1 and webhook_id = $2 and entity_type = $3 and external_id = $4 and realm = $5
for update

-- upsert --
-- Let an external id stand for an entity, and begin its status anew: the entity may be another one.
-- $1 tenant_id, $2 webhook_id, $3 entity_type, $4 external_id, $5 realm, $6 entity_id
insert into postern.external_entity_mappings
    (tenant_id, webhook_id, entity_type, external_id, realm, entity_id)
values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, webhook_id, entity_type, external_id, realm)
do update set entity_id = excluded.entity_id, sync_status = 'synced', delivery_id = null, updated_at = now()
returning entity_type, external_id, realm, entity_id, sync_status, delivery_id, created_at, updated_at
