-- insert --
-- $1 operator_id, $2 name, $3 key_digest, $4 key_prefix, $5 expires_at
insert into postern.operators (operator_id, name, key_digest, key_prefix, expires_at) values ($1, $2, $3, $4, $5)

-- find_live --
-- The operator with this digest, if the credential may be used now.
-- $1 key_digest
select operator_id, name,
       last_used_at is null or last_used_at < now() - interval '1 minute' as use_is_unnoted
from postern.operators
where key_digest = $1 and is_active and (expires_at is null or expires_at > now())

-- note_use --
-- Two requests at once write it once: the second finds the first one's time.
-- $1 operator_id
update postern.operators set last_used_at = now()
where operator_id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')

-- revoke --
-- End a credential for good.
-- $1 operator_id
update postern.operators set is_active = false where operator_id = $1
