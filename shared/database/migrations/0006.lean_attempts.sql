-- Fewer round trips and fewer indexes on the way of a delivery through a worker.
-- depends: 0005.psa_store

-- Close a claimed delivery in the transaction that holds its effect. A function, so that it can be sent without
-- parameters, along with COMMIT, and still has a plan that is kept.
create function postern.finish_delivery(
    in_tenant_id uuid, in_delivery_id uuid, in_outcome json, in_duration_ms real) returns void
language plpgsql
as $$
begin
    update postern.deliveries
        set dispatch_status = 'dispatched', handler_outcome = in_outcome, duration_ms = in_duration_ms,
            completed_at = clock_timestamp(), next_attempt_at = null
        where tenant_id = in_tenant_id and delivery_id = in_delivery_id;
    delete from postern.outbox where tenant_id = in_tenant_id and delivery_id = in_delivery_id;
end
$$;
