-- upsert --
-- Create assets with all values, or change those of their columns that are mentioned and leave the others alone. No
-- asset is named twice. An inserted row has no xmax; one that the conflict clause updated carries this transaction's
-- own. An event tells of what is other than before; nobody writes an asset in between: it is locked, or the caller
-- holds its external id. Subqueries with an offset are joined row by row, by the index, whatever the tables held when
-- the plan was made. Assets are written and told of in the order given. Returns asset_id, name, created.
-- $1 tenant_id; then arrays with an item for each asset: $2 asset_ids, $3 names of the mentioned columns, each between
-- commas, $4 client_ids, $5 asset_types, $6 names, $7 asset_tags, $8 serial_numbers, $9 statuses, $10 locations,
-- $11 are inactive, $12 agent_statuses, $13 last seen, $14 rmm_providers, $15 rmm_scopes, $16 rmm_snapshots as JSON
-- texts, $17 delivery_ids
with wanted as (
    select * from unnest(
        $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
        $11::boolean[], $12::text[], $13::timestamptz[], $14::text[], $15::text[], $16::text[], $17::uuid[]
    ) with ordinality as w (
        asset_id, mentioned, client_id, asset_type, name, asset_tag, serial_number, status, location,
        is_inactive, agent_status, last_seen_at, rmm_provider, rmm_scope, rmm_snapshot, delivery_id, position)
), before as materialized (
    select a.* from wanted w cross join lateral (
        select * from psa.assets where tenant_id = $1 and asset_id = w.asset_id offset 0 for no key update
    ) a
), written as (
insert into psa.assets as a (
    tenant_id, asset_id, client_id, asset_type, name, asset_tag, serial_number, status, location, is_inactive,
    agent_status, last_seen_at, rmm_provider, rmm_scope, rmm_snapshot)
    select $1, w.asset_id,
        case when b.asset_id is null or w.mentioned like '%,client_id,%'
            then w.client_id else b.client_id end,
        case when b.asset_id is null or w.mentioned like '%,asset_type,%'
            then w.asset_type else b.asset_type end,
        case when b.asset_id is null or w.mentioned like '%,name,%'
            then w.name else b.name end,
        case when b.asset_id is null or w.mentioned like '%,asset_tag,%'
            then w.asset_tag else b.asset_tag end,
        case when b.asset_id is null or w.mentioned like '%,serial_number,%'
            then w.serial_number else b.serial_number end,
        case when b.asset_id is null or w.mentioned like '%,status,%'
            then w.status else b.status end,
        case when b.asset_id is null or w.mentioned like '%,location,%'
            then w.location else b.location end,
        case when b.asset_id is null or w.mentioned like '%,is_inactive,%'
            then w.is_inactive else b.is_inactive end,
        case when b.asset_id is null or w.mentioned like '%,agent_status,%'
            then w.agent_status else b.agent_status end,
        case when b.asset_id is null or w.mentioned like '%,last_seen_at,%'
            then w.last_seen_at else b.last_seen_at end,
        case when b.asset_id is null or w.mentioned like '%,rmm_provider,%'
            then w.rmm_provider else b.rmm_provider end,
        case when b.asset_id is null or w.mentioned like '%,rmm_scope,%'
            then w.rmm_scope else b.rmm_scope end,
        case when b.asset_id is null or w.mentioned like '%,rmm_snapshot,%'
            then w.rmm_snapshot::json else b.rmm_snapshot end
    from wanted w left join before b on b.asset_id = w.asset_id
    order by w.position
on conflict (tenant_id, asset_id) do update set
    client_id     = excluded.client_id,
    asset_type    = excluded.asset_type,
    name          = excluded.name,
    asset_tag     = excluded.asset_tag,
    serial_number = excluded.serial_number,
    status        = excluded.status,
    location      = excluded.location,
    is_inactive   = excluded.is_inactive,
    agent_status  = excluded.agent_status,
    last_seen_at  = excluded.last_seen_at,
    rmm_provider  = excluded.rmm_provider,
    rmm_scope     = excluded.rmm_scope,
    rmm_snapshot  = excluded.rmm_snapshot,
    updated_at    = now()
returning a.*, a.xmax = 0 as created
), changed as materialized ( -- text by text: an aggregate would take twice as long
    select w.asset_id, w.created, concat_ws(',',
        case when w.client_id is distinct from b.client_id
            then '"client_id":' || coalesce(to_json(w.client_id)::text, 'null') end,
        case when w.asset_type is distinct from b.asset_type
            then '"asset_type":' || coalesce(to_json(w.asset_type)::text, 'null') end,
        case when w.name is distinct from b.name
            then '"name":' || coalesce(to_json(w.name)::text, 'null') end,
        case when w.asset_tag is distinct from b.asset_tag
            then '"asset_tag":' || coalesce(to_json(w.asset_tag)::text, 'null') end,
        case when w.serial_number is distinct from b.serial_number
            then '"serial_number":' || coalesce(to_json(w.serial_number)::text, 'null') end,
        case when w.status is distinct from b.status
            then '"status":' || coalesce(to_json(w.status)::text, 'null') end,
        case when w.location is distinct from b.location
            then '"location":' || coalesce(to_json(w.location)::text, 'null') end,
        case when w.is_inactive is distinct from b.is_inactive
            then '"is_inactive":' || coalesce(to_json(w.is_inactive)::text, 'null') end,
        case when w.agent_status is distinct from b.agent_status
            then '"agent_status":' || coalesce(to_json(w.agent_status)::text, 'null') end,
        case when w.last_seen_at is distinct from b.last_seen_at
            then '"last_seen_at":' || coalesce(to_json(w.last_seen_at)::text, 'null') end,
        case when w.rmm_provider is distinct from b.rmm_provider
            then '"rmm_provider":' || coalesce(to_json(w.rmm_provider)::text, 'null') end,
        case when w.rmm_scope is distinct from b.rmm_scope
            then '"rmm_scope":' || coalesce(to_json(w.rmm_scope)::text, 'null') end,
        case when w.rmm_snapshot::text is distinct from b.rmm_snapshot::text then '"rmm_snapshot":true' end
    ) as fields
    from written w left join before b on b.asset_id = w.asset_id
), told as (
    insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
    select $1, 'asset', c.asset_id, case when c.created then 'asset.created' else 'asset.updated' end,
           ('{' || c.fields || '}')::json, w.delivery_id
    from changed c join wanted w on w.asset_id = c.asset_id where c.fields <> ''
    order by w.position
)
select asset_id, name, created from written
