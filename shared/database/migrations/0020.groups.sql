-- depends: 0019.locks_without_run_time_pruning

-- Several deliveries in one transaction, each by the statements that serve one: these prune by arguments alone.

create function postern.claim_group(
    in_tenant_id uuid, in_delivery_ids uuid[], in_attempts integer[], in_webhook_versions integer[],
    in_lock_timeout text)
returns void
language plpgsql
as $$
begin
    for i in 1 .. cardinality(in_delivery_ids) loop
        perform postern.claim_expected(
            in_tenant_id, in_delivery_ids[i], in_attempts[i], in_webhook_versions[i], in_lock_timeout);
    end loop;
end
$$;

create function postern.finish_group(
    in_tenant_id uuid, in_delivery_ids uuid[], in_outcomes text[], in_durations_ms real[])
returns void
language plpgsql
as $$
begin
    for i in 1 .. cardinality(in_delivery_ids) loop
        perform postern.finish_delivery(
            in_tenant_id, in_delivery_ids[i], in_outcomes[i]::json, in_durations_ms[i]);
    end loop;
end
$$;
