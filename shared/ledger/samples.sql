-- capture_armed --
-- Keep, for every webhook that waits for a sample, the first accepted request since it was armed, and stop
-- waiting. Taken from the ledger, so that a gateway does nothing for it. A wait that ended a minute ago ends here
-- too: until then a commit may still be under way.
-- $1 tenant_id, null for all, $2 webhook_id, null for all
with armed as materialized (
    select tenant_id, webhook_id, sample_armed_at, sample_expires_at, sample_name
    from postern.webhooks
    where sample_armed_at is not null and deleted_at is null
      and ($1::uuid is null or tenant_id = $1) and ($2::uuid is null or webhook_id = $2)
    for update skip locked
), captured as (
    insert into postern.webhook_samples
        (tenant_id, webhook_id, sample_id, delivery_id, headers, body, captured_at, name)
    select a.tenant_id, a.webhook_id, gen_random_uuid(), d.delivery_id, d.request_headers,
           coalesce(d.request_body, ''), d.received_at, a.sample_name
    from armed a
    cross join lateral (
        select d.delivery_id, d.request_headers, d.request_body, d.received_at
        from postern.deliveries d
        where d.tenant_id = a.tenant_id and d.webhook_id = a.webhook_id
          and d.delivery_id >= postern.uuid7_floor(a.sample_armed_at - interval '1 minute')
          and d.received_at between a.sample_armed_at and a.sample_expires_at
          and d.auth_status = 'verified' and d.dispatch_status <> 'duplicate' and d.response_status = 200
          and not d.is_test and not d.is_replay
        order by d.delivery_id
        limit 1) d
    on conflict (tenant_id, webhook_id, coalesce(name, '')) do update
        set sample_id = excluded.sample_id, delivery_id = excluded.delivery_id, headers = excluded.headers,
            body = excluded.body, captured_at = excluded.captured_at
    returning tenant_id, webhook_id
)
update postern.webhooks w set sample_armed_at = null, sample_expires_at = null, sample_name = null
from armed a
left join captured c on c.tenant_id = a.tenant_id and c.webhook_id = a.webhook_id
where w.tenant_id = a.tenant_id and w.webhook_id = a.webhook_id
  and (c.webhook_id is not null or a.sample_expires_at < now() - interval '1 minute')

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
