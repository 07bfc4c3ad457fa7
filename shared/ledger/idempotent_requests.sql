-- mark --
-- Note, in the transaction of a request's change, that the change is made.
-- $1 tenant_id, $2 key_digest in hexadecimal, $3 request_id
select postern.mark_idempotent_request($1, decode($2, 'hex'), $3)
