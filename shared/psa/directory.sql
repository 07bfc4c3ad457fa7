-- insert_client --
-- Insert a client with its default billing profile.
-- $1 tenant_id, $2 client_id, $3 name
with inserted as (
    insert into psa.clients (tenant_id, client_id, name) values ($1, $2, $3)
    returning client_id, name, is_inactive, created_at, updated_at
), profiled as (
    insert into psa.billing_profiles (tenant_id, billing_profile_id, client_id, is_default)
    values ($1, gen_random_uuid(), $2, true)
)
select client_id, name, is_inactive, created_at, updated_at from inserted

-- list_clients --
-- Newest first.
-- $1 tenant_id, $2 client_id to continue after; null for the first page, $3 limit
select client_id, name, is_inactive, created_at, updated_at
from psa.clients
where tenant_id = $1 and ($2::uuid is null or client_id < $2)
order by client_id desc
limit $3

-- list_assets --
-- Newest first, without their snapshots.
-- $1 tenant_id, $2 asset_id to continue after; null for the first page, $3 limit
select a.asset_id, a.client_id, c.name as client_name, a.asset_type, a.name, a.asset_tag, a.serial_number, a.status,
       a.location, a.is_inactive, a.agent_status, a.last_seen_at, a.rmm_provider, a.rmm_scope, a.created_at,
       a.updated_at
from psa.assets a
left join psa.clients c on c.tenant_id = a.tenant_id and c.client_id = a.client_id
where a.tenant_id = $1 and ($2::uuid is null or a.asset_id < $2)
order by a.asset_id desc
limit $3

-- find_asset --
-- $1 tenant_id, $2 asset_id
select a.asset_id, a.client_id, c.name as client_name, a.asset_type, a.name, a.asset_tag, a.serial_number, a.status,
       a.location, a.is_inactive, a.agent_status, a.last_seen_at, a.rmm_provider, a.rmm_scope, a.created_at,
       a.updated_at, a.rmm_snapshot
from psa.assets a
left join psa.clients c on c.tenant_id = a.tenant_id and c.client_id = a.client_id
where a.tenant_id = $1 and a.asset_id = $2
