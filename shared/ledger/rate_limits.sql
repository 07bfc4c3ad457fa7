-- lease --
-- Lease tokens of several webhooks to one gateway process, in one commit; see the function in the migrations. Buckets
-- are locked in the order given: let all gateways give it sorted, or they deadlock.
-- $1 tenant_id, $2 webhook_id, $3 rate per minute, $4 held, $5 returned, $6 wanted; arrays of one length
-- $7 gateway_id, $8 lease in seconds
select granted, wait_seconds
from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::integer[], $5::integer[], $6::integer[]) with ordinality
    as asked (tenant_id, webhook_id, per_minute, held, returned, wanted, position)
cross join lateral postern.lease_rate_limit_tokens(
    tenant_id, webhook_id, $7::uuid, per_minute, held, returned, wanted, $8::double precision)
order by position
