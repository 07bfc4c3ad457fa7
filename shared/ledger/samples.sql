-- capture_armed --
-- Keep, for every webhook that waits for a sample, the first accepted request since it was armed, and stop
-- waiting. Taken from the ledger, so that a gateway does nothing for it. A wait that ended a minute ago ends here
-- too: until then a commit may still be under way.
-- $1 tenant_id, null for all, $2 webhook_id, null for all
select postern.capture_armed_samples($1, $2)

-- arm --
-- $1 tenant_id, $2 webhook_id, $3 window in seconds
update postern.webhooks
set sample_armed_at = now(), sample_expires_at = now() + make_interval(secs => $3)
where tenant_id = $1 and webhook_id = $2 and deleted_at is null

-- disarm --
-- $1 tenant_id, $2 webhook_id
update postern.webhooks set sample_armed_at = null, sample_expires_at = null
where tenant_id = $1 and webhook_id = $2

-- delete_all --
-- $1 tenant_id, $2 webhook_id
delete from postern.webhook_samples where tenant_id = $1 and webhook_id = $2

-- find --
-- The latest sample.
-- $1 tenant_id, $2 webhook_id
select delivery_id, headers, body, captured_at from postern.webhook_samples
where tenant_id = $1 and webhook_id = $2
order by captured_at desc, sample_id
limit 1
