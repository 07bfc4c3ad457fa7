-- upsert --
-- Create an asset with all values, or change those of its columns that are mentioned and leave the others alone.
-- An inserted row has no xmax; one that the conflict clause updated carries this transaction's own. An event tells of
-- what is other than before; nobody writes the asset in between, for the caller holds its external id.
-- $1 tenant_id, $2 asset_id, $3 mentioned columns, $4 client_id, $5 asset_type, $6 name, $7 asset_tag,
-- $8 serial_number, $9 status, $10 location, $11 is_inactive, $12 agent_status, $13 last_seen_at,
-- $14 rmm_provider, $15 rmm_scope, $16 rmm_snapshot as JSON text, $17 delivery_id
with before as (
    select * from psa.assets where tenant_id = $1 and asset_id = $2
), written as (
insert into psa.assets as a (
    tenant_id, asset_id, client_id, asset_type, name, asset_tag, serial_number, status, location, is_inactive,
    agent_status, last_seen_at, rmm_provider, rmm_scope, rmm_snapshot)
select $1, $2, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
on conflict (tenant_id, asset_id) do update set
    client_id     = case when 'client_id'     = any ($3::text[]) then excluded.client_id     else a.client_id end,
    asset_type    = case when 'asset_type'    = any ($3::text[]) then excluded.asset_type    else a.asset_type end,
    name          = case when 'name'          = any ($3::text[]) then excluded.name          else a.name end,
    asset_tag     = case when 'asset_tag'     = any ($3::text[]) then excluded.asset_tag     else a.asset_tag end,
    serial_number = case when 'serial_number' = any ($3::text[]) then excluded.serial_number else a.serial_number end,
    status        = case when 'status'        = any ($3::text[]) then excluded.status        else a.status end,
    location      = case when 'location'      = any ($3::text[]) then excluded.location      else a.location end,
    is_inactive   = case when 'is_inactive'   = any ($3::text[]) then excluded.is_inactive   else a.is_inactive end,
    agent_status  = case when 'agent_status'  = any ($3::text[]) then excluded.agent_status  else a.agent_status end,
    last_seen_at  = case when 'last_seen_at'  = any ($3::text[]) then excluded.last_seen_at  else a.last_seen_at end,
    rmm_provider  = case when 'rmm_provider'  = any ($3::text[]) then excluded.rmm_provider  else a.rmm_provider end,
    rmm_scope     = case when 'rmm_scope'     = any ($3::text[]) then excluded.rmm_scope     else a.rmm_scope end,
    rmm_snapshot  = case when 'rmm_snapshot'  = any ($3::text[]) then excluded.rmm_snapshot  else a.rmm_snapshot end,
    updated_at    = now()
returning a.*, a.xmax = 0 as created
), changed as materialized ( -- text by text: an aggregate would take twice as long
    select w.created, concat_ws(',',
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
    from written w left join before b on true
), told as (
    insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
    select $1, 'asset', $2, case when created then 'asset.created' else 'asset.updated' end,
           ('{' || fields || '}')::json, $17
    from changed where fields <> ''
)
select name, created from written
