-- insert --
-- $1 tenant_id, $2 api_key_id, $3 key_digest, $4 key_prefix, $5 description, $6 permissions
insert into postern.api_keys (tenant_id, api_key_id, key_digest, key_prefix, description, permissions)
values ($1, $2, $3, $4, $5, $6)

-- find_live --
-- The key with this digest, if it and its tenant may be used now. The use is noted once a minute at most.
-- $1 key_digest
select k.tenant_id, t.slug as tenant_slug, k.api_key_id, k.permissions,
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
