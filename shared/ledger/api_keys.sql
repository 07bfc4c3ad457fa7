-- insert --
-- $1 tenant_id, $2 api_key_id, $3 key_digest, $4 key_prefix, $5 created_by, $6 name, $7 permissions, $8 expires_at,
-- $9 rate_limit_per_minute
insert into postern.api_keys
    (tenant_id, api_key_id, key_digest, key_prefix, created_by, name, permissions, expires_at, rate_limit_per_minute)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- find_live --
-- The key with this digest, if it and its tenant may be used now. The use is noted once a minute at most.
-- $1 key_digest
select k.tenant_id, t.slug as tenant_slug, k.api_key_id, k.permissions, k.expires_at, k.rate_limit_per_minute,
       k.last_used_at is null or k.last_used_at < now() - interval '1 minute' as use_is_unnoted
from postern.api_keys k
join postern.tenants t on t.tenant_id = k.tenant_id and t.is_active
where k.key_digest = $1 and k.is_active and (k.expires_at is null or k.expires_at > now())

-- note_use --
-- Two requests at once write it once: the second finds the first one's time.
-- $1 tenant_id, $2 api_key_id
update postern.api_keys set last_used_at = now()
where tenant_id = $1 and api_key_id = $2
  and (last_used_at is null or last_used_at < now() - interval '1 minute')

-- take_token --
-- Take one token of a key's rate limit; returns 0, or the seconds until there is one.
-- $1 tenant_id, $2 api_key_id, $3 per minute
select postern.take_api_key_token($1, $2, $3)

-- find --
-- $1 tenant_id, $2 api_key_id
select api_key_id, key_prefix, name, permissions, expires_at, rate_limit_per_minute, is_active, created_by,
       created_at, last_used_at, revoked_at
from postern.api_keys
where tenant_id = $1 and api_key_id = $2

-- lock --
-- One key, held until the transaction ends.
-- $1 tenant_id, $2 api_key_id
select api_key_id, key_prefix, name, permissions, expires_at, rate_limit_per_minute, is_active, created_by,
       created_at, last_used_at, revoked_at
from postern.api_keys
where tenant_id = $1 and api_key_id = $2
for update

-- list_page --
-- Keys, newest first.
-- $1 tenant_id, $2 api_key_id to continue after, or null, $3 limit
select api_key_id, key_prefix, name, permissions, expires_at, rate_limit_per_minute, is_active, created_by,
       created_at, last_used_at, revoked_at
from postern.api_keys
where tenant_id = $1 and ($2::uuid is null or api_key_id < $2)
order by api_key_id desc
limit $3

-- update --
-- $1 tenant_id, $2 api_key_id, $3 name, $4 permissions, $5 expires_at, $6 rate_limit_per_minute
update postern.api_keys set name = $3, permissions = $4, expires_at = $5, rate_limit_per_minute = $6
where tenant_id = $1 and api_key_id = $2

-- revoke --
-- A key that is revoked already keeps its time.
-- $1 tenant_id, $2 api_key_id
update postern.api_keys set is_active = false, revoked_at = coalesce(revoked_at, now())
where tenant_id = $1 and api_key_id = $2

-- lock_administrators --
-- The keys that may be used now and hold the permission admin, held until the transaction ends: of two that would
-- revoke each other, one sees what the other did.
-- $1 tenant_id
select api_key_id from postern.api_keys
where tenant_id = $1 and is_active and 'admin' = any (permissions) and (expires_at is null or expires_at > now())
order by api_key_id
for update
