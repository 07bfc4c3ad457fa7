-- find_all --
-- The entities that external ids stand for, each with the place of its id in the arrays, from 1; none for an unknown one.
-- $1 tenant_id; then arrays with an item for each: $2 webhook_ids, $3 entity_types, $4 external_ids, $5 realms
select w.number, m.entity_id
from unnest($2::uuid[], $3::text[], $4::text[], $5::text[])
    with ordinality as w (webhook_id, entity_type, external_id, realm, number)
cross join lateral (
    select entity_id from postern.external_entity_mappings
    where tenant_id = $1 and webhook_id = w.webhook_id and entity_type = w.entity_type
      and external_id = w.external_id and realm = w.realm
    offset 0
) m

-- upsert --
-- Map external ids of one type to entities unless they are mapped already; return webhook_id, external_id, realm and
-- the entity that each stands for now. None is named twice.
-- The rows stay locked until the transaction ends: of concurrent writers of one external id the first decides
-- and the others wait for it, so that they go on with its entity. All lock in the same order.
-- $1 tenant_id, $2 entity_type; then arrays with an item for each: $3 webhook_ids, $4 external_ids, $5 realms,
-- $6 entity_ids, no two the same, by which a row's status is found, $7 delivery_ids, $8 sync_statuses, null for one that
-- stays
insert into postern.external_entity_mappings as mapping (
    tenant_id, webhook_id, entity_type, external_id, realm, entity_id, delivery_id, sync_status)
select $1, w.webhook_id, $2, w.external_id, w.realm, w.entity_id, w.delivery_id, coalesce(w.sync_status, 'synced')
from unnest($3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::text[])
    as w (webhook_id, external_id, realm, entity_id, delivery_id, sync_status)
order by w.webhook_id, w.external_id, w.realm
on conflict (tenant_id, webhook_id, entity_type, external_id, realm)
do update set delivery_id = excluded.delivery_id, updated_at = now(),
    sync_status = coalesce(($8::text[])[array_position($6::uuid[], excluded.entity_id)], mapping.sync_status)
returning webhook_id, external_id, realm, entity_id
