-- find --
-- The entity that an external id stands for within one webhook.
-- $1 tenant_id, $2 webhook_id, $3 entity_type, $4 external_id, $5 realm
select entity_id from postern.external_entity_mappings
where tenant_id = $1 and webhook_id = $2 and entity_type = $3 and external_id = $4 and realm = $5

-- upsert --
-- Map an external id to an entity unless it is mapped already; return the entity it stands for now.
-- The row stays locked until the transaction ends: of concurrent writers of one external id the first decides
-- and the others wait for it, so that they go on with its entity.
-- $1 tenant_id, $2 webhook_id, $3 entity_type, $4 external_id, $5 realm, $6 entity_id, $7 delivery_id
insert into postern.external_entity_mappings as mapping (
    tenant_id, webhook_id, entity_type, external_id, realm, entity_id, delivery_id)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant_id, webhook_id, entity_type, external_id, realm)
do update set delivery_id = excluded.delivery_id, updated_at = now()
returning entity_id
