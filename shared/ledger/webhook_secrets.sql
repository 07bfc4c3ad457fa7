-- insert --
-- $1 tenant_id, $2 webhook_id, $3 secret_id, $4 sealed
insert into postern.webhook_secrets (tenant_id, webhook_id, secret_id, sealed) values ($1, $2, $3, $4)

-- retire --
-- Let the secrets of a webhook count for so long and no longer.
-- $1 tenant_id, $2 webhook_id, $3 overlap in seconds
update postern.webhook_secrets set valid_until = now() + make_interval(secs => $3)
where tenant_id = $1 and webhook_id = $2
  and (valid_until is null or valid_until > now() + make_interval(secs => $3))

-- delete_all --
-- $1 tenant_id, $2 webhook_id
delete from postern.webhook_secrets where tenant_id = $1 and webhook_id = $2

-- list_all --
-- What may be known of the secrets of a webhook, the newest first.
-- $1 tenant_id, $2 webhook_id
select secret_id, created_at, valid_until, last_used_at, valid_until is null or valid_until > now() as is_live
from postern.webhook_secrets
where tenant_id = $1 and webhook_id = $2
order by created_at desc, secret_id desc

-- delete --
-- $1 tenant_id, $2 webhook_id, $3 secret_id
delete from postern.webhook_secrets where tenant_id = $1 and webhook_id = $2 and secret_id = $3

-- delete_ended --
-- What no longer counts need not be kept, sealed or not.
-- $1 tenant_id, $2 webhook_id
delete from postern.webhook_secrets where tenant_id = $1 and webhook_id = $2 and valid_until <= now()
