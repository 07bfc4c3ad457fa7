-- claim --
-- Take the right to carry out a request: nobody has it, its time is over, or whoever had it stopped before any change
-- of its was made. No row: somebody else has it, or has carried it out.
-- $1 tenant_id, $2 key_digest, $3 request_id, $4 request_digest, $5 seconds of the claim, $6 seconds that answers are kept
insert into postern.idempotent_requests as r
    (tenant_id, key_digest, request_id, request_digest, claimed_until, expires_at)
values ($1, $2, $3, $4, now() + make_interval(secs => $5), now() + make_interval(secs => $6))
on conflict (tenant_id, key_digest) do update
set request_id = excluded.request_id, request_digest = excluded.request_digest, claimed_until = excluded.claimed_until,
    is_committed = false, sealed_answer = null, expires_at = excluded.expires_at
where r.expires_at <= now()
   or (not r.is_committed and r.sealed_answer is null and r.claimed_until <= now())
returning request_id

-- find --
-- What is known of a request.
-- $1 tenant_id, $2 key_digest
select request_id, request_digest, is_committed, claimed_until <= now() as has_stopped, sealed_answer
from postern.idempotent_requests
where tenant_id = $1 and key_digest = $2 and expires_at > now()

-- mark --
-- Note, in the transaction of a request's change, that the change is made.
-- $1 tenant_id, $2 key_digest in hexadecimal, $3 request_id
select postern.mark_idempotent_request($1, decode($2, 'hex'), $3)

-- complete --
-- Keep the answer.
-- $1 tenant_id, $2 key_digest, $3 request_id, $4 sealed_answer
update postern.idempotent_requests set sealed_answer = $4
where tenant_id = $1 and key_digest = $2 and request_id = $3

-- release --
-- Forget a request that changed nothing. Where that is not certain, one whose change is made is kept.
-- $1 tenant_id, $2 key_digest, $3 request_id, $4 whether it is certain
delete from postern.idempotent_requests
where tenant_id = $1 and key_digest = $2 and request_id = $3 and ($4 or not is_committed)
