-- capture_armed --
-- Keep, for every webhook that waits for a sample, the first accepted request since it was armed, and stop
-- waiting. Taken from the ledger, so that a gateway does nothing for it. A wait that ended a minute ago ends here
-- too: until then a commit may still be under way.
-- $1 tenant_id, null for all, $2 webhook_id, null for all
select postern.capture_armed_samples($1, $2)

-- arm --
-- $1 tenant_id, $2 webhook_id, $3 window in seconds, $4 name; null: none
update postern.webhooks
set sample_armed_at = now(), sample_expires_at = now() + make_interval(secs => $3), sample_name = $4
where tenant_id = $1 and webhook_id = $2 and deleted_at is null

-- disarm --
-- $1 tenant_id, $2 webhook_id
update postern.webhooks set sample_armed_at = null, sample_expires_at = null, sample_name = null
where tenant_id = $1 and webhook_id = $2

-- delete_unnamed --
-- $1 tenant_id, $2 webhook_id
delete from postern.webhook_samples where tenant_id = $1 and webhook_id = $2 and name is null

-- delete_all --
-- $1 tenant_id, $2 webhook_id
delete from postern.webhook_samples where tenant_id = $1 and webhook_id = $2

-- delete --
-- $1 tenant_id, $2 webhook_id, $3 sample_id
delete from postern.webhook_samples where tenant_id = $1 and webhook_id = $2 and sample_id = $3

-- rename --
-- $1 tenant_id, $2 webhook_id, $3 sample_id, $4 name
update postern.webhook_samples set name = $4 where tenant_id = $1 and webhook_id = $2 and sample_id = $3

-- list_all --
-- What a webhook has of samples, without their contents: the one without a name first, then by name.
-- $1 tenant_id, $2 webhook_id
select sample_id, name, delivery_id, captured_at, octet_length(body) as body_bytes
from postern.webhook_samples
where tenant_id = $1 and webhook_id = $2
order by name nulls first

-- find_latest --
-- The latest sample, whatever its name.
-- $1 tenant_id, $2 webhook_id
select sample_id, name, delivery_id, headers, body, captured_at from postern.webhook_samples
where tenant_id = $1 and webhook_id = $2
order by captured_at desc, sample_id
limit 1

-- find --
-- $1 tenant_id, $2 webhook_id, $3 sample_id
select sample_id, name, delivery_id, headers, body, captured_at from postern.webhook_samples
where tenant_id = $1 and webhook_id = $2 and sample_id = $3
