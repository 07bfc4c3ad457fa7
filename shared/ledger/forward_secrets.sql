-- insert --
-- A secret that signs a webhook's forwards from now on. Empty bytes stand for the keys made of the workers' own secret.
-- $1 tenant_id, $2 webhook_id, $3 secret_id, $4 sealed
insert into postern.forward_secrets (tenant_id, webhook_id, secret_id, sealed) values ($1, $2, $3, $4)

-- retire --
-- Let the present secrets of a webhook sign for so long and no longer.
-- $1 tenant_id, $2 webhook_id, $3 overlap in seconds
update postern.forward_secrets set valid_until = now() + make_interval(secs => $3)
where tenant_id = $1 and webhook_id = $2
  and (valid_until is null or valid_until > now() + make_interval(secs => $3))

-- delete_ended --
-- $1 tenant_id, $2 webhook_id
delete from postern.forward_secrets where tenant_id = $1 and webhook_id = $2 and valid_until <= now()

-- delete_all --
-- $1 tenant_id, $2 webhook_id
delete from postern.forward_secrets where tenant_id = $1 and webhook_id = $2

-- list_live --
-- The secrets that sign a webhook's forwards, newest first.
-- $1 tenant_id, $2 webhook_id
select secret_id, sealed, created_at, valid_until from postern.forward_secrets
where tenant_id = $1 and webhook_id = $2 and (valid_until is null or valid_until > now())
order by secret_id desc
