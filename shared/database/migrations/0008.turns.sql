-- Since when a delivery that was parked has its turn, so that whoever gave it the turn can take it up, and nobody takes
-- it for lost.
-- depends: 0007.expected_claims

alter table postern.ordered_deliveries add column turn_at timestamptz; -- null: it was never parked

-- As before, but for the moment at which a parked delivery is due: the worker that closed the one before it takes it up
-- at once; the others, and relays, which would send it to the end of a topic, leave it alone for a quarter of a second.
create or replace function postern.leave_order(
    in_tenant_id uuid, in_ordering_key text, in_delivery_id uuid) returns boolean
language plpgsql
as $$
declare
    following postern.ordered_deliveries;
begin
    perform postern.lock_ordering_key(in_tenant_id, in_ordering_key);
    delete from postern.ordered_deliveries where tenant_id = in_tenant_id and delivery_id = in_delivery_id;
    perform from postern.ordered_deliveries
        where tenant_id = in_tenant_id and ordering_key = in_ordering_key and has_turn;
    if found then
        return true;
    end if;
    select * into following from postern.ordered_deliveries
        where tenant_id = in_tenant_id and ordering_key = in_ordering_key
        order by position limit 1;
    if not found then
        return true;
    end if;
    update postern.ordered_deliveries
        set has_turn = true, is_parked = false, turn_at = case when following.is_parked then now() end
        where tenant_id = in_tenant_id and delivery_id = following.delivery_id;
    if following.is_parked then
        -- It has not run yet, so that its attempt is the first.
        insert into postern.outbox (tenant_id, delivery_id, available_at, ordering_key, ticket)
            values (in_tenant_id, following.delivery_id, now() + interval '0.25 s', in_ordering_key,
                    nextval('postern.outbox_ticket'))
            on conflict (tenant_id, delivery_id) do update
                set available_at = excluded.available_at, ticket = excluded.ticket;
    end if;
    return true;
end
$$;
