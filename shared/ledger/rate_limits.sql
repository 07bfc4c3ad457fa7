-- lease --
-- Lease tokens to one gateway process; see the function in the migrations.
-- $1 tenant_id, $2 webhook_id, $3 gateway_id, $4 rate per minute, $5 held, $6 returned, $7 wanted, $8 lease in seconds
select granted, wait_seconds
from postern.lease_rate_limit_tokens($1::uuid, $2::uuid, $3::uuid, $4::integer, $5::integer, $6::integer, $7::integer,
                                     $8::double precision)
