-- record --
-- Note when secrets were last used. Locked in order, so that gateways that write together cannot deadlock. Webhooks stay
-- as they are: their configuration does not change.
-- $1 tenant_ids, $2 webhook_ids, $3 secret_ids, $4 times in ms
with used as (
    select s.tenant_id, s.webhook_id, s.secret_id, to_timestamp(use.at_ms::double precision / 1000) as at
    from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[]) as use (tenant_id, webhook_id, secret_id, at_ms)
    join postern.webhook_secrets s
        on s.tenant_id = use.tenant_id and s.webhook_id = use.webhook_id and s.secret_id = use.secret_id
    order by s.tenant_id, s.webhook_id, s.secret_id
    for no key update of s
)
update postern.webhook_secrets s set last_used_at = used.at
from used
where s.tenant_id = used.tenant_id and s.webhook_id = used.webhook_id and s.secret_id = used.secret_id
  and (s.last_used_at is null or s.last_used_at < used.at)
