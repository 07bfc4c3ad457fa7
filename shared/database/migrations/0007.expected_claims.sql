-- The start of most attempts without a round trip of its own.
-- depends: 0006.lean_attempts

-- Lock a delivery until the end of the transaction where all is as expected: it waits for just this attempt, its
-- webhook has this version, and none of its webhook's attempts has failed since one succeeded. Else raise, so that the
-- transaction can only be rolled back. A function without result, so that it can be sent along with BEGIN.
create function postern.claim_expected(
    in_tenant_id uuid, in_delivery_id uuid, in_attempt integer, in_webhook_version integer,
    in_lock_timeout text) returns void
language plpgsql
as $$
begin
    perform set_config('lock_timeout', in_lock_timeout, true);
    perform from postern.deliveries d
        join postern.webhooks w
            on w.tenant_id = d.tenant_id and w.webhook_id = d.webhook_id and w.deleted_at is null
        where d.tenant_id = in_tenant_id and d.delivery_id = in_delivery_id
          and d.dispatch_status = 'pending' and d.retry_count = in_attempt and w.version = in_webhook_version
          and not exists (
              select from postern.circuit_breakers b
              where b.tenant_id = d.tenant_id and b.webhook_id = d.webhook_id)
        for update of d;
    if not found then
        raise exception 'delivery % is not as expected', in_delivery_id using errcode = 'PN001';
    end if;
end
$$;
