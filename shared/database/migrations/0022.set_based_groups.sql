-- A group is claimed by one statement and closed by three, however many its members are. They are found by the array of
-- their ids alone, which prunes partitions before a statement runs, never while it runs (see 0019); what belongs to
-- each is looked up by its place in that array.
-- depends: 0021.webhook_handlers

create or replace function postern.claim_group(
    in_tenant_id uuid, in_delivery_ids uuid[], in_attempts integer[], in_webhook_versions integer[],
    in_lock_timeout text)
returns void
language plpgsql
as $$
declare
    unexpected uuid[];
begin
    perform set_config('lock_timeout', in_lock_timeout, true);
    unexpected := array(
        select unnest(in_delivery_ids)
        except
        select delivery_id from (
            select d.delivery_id from postern.deliveries d
            where d.tenant_id = in_tenant_id and d.delivery_id = any(in_delivery_ids)
              and d.dispatch_status = 'pending'
              and d.retry_count = in_attempts[array_position(in_delivery_ids, d.delivery_id)]
              and in_webhook_versions[array_position(in_delivery_ids, d.delivery_id)] = (
                  select w.version from postern.webhooks w
                  where w.tenant_id = in_tenant_id and w.webhook_id = d.webhook_id and w.deleted_at is null)
              and (select b.webhook_id from postern.circuit_breakers b
                   where b.tenant_id = in_tenant_id and b.webhook_id = d.webhook_id) is null
            order by d.delivery_id
            for update of d) claimed);
    if cardinality(unexpected) > 0 then
        raise exception 'deliveries are not as expected'
            using errcode = 'PN001', detail = array_to_string(unexpected, ' ');
    end if;
end
$$;

-- Take deliveries out of their key's order and give the turn to the next one that stays, if none of those has it; queue
-- that one if it was parked.
create function postern.leave_order(in_tenant_id uuid, in_ordering_key text, in_delivery_ids uuid[]) returns void
language plpgsql
as $$
declare
    following postern.ordered_deliveries;
begin
    perform postern.lock_ordering_key(in_tenant_id, in_ordering_key);
    delete from postern.ordered_deliveries where tenant_id = in_tenant_id and delivery_id = any(in_delivery_ids);
    perform from postern.ordered_deliveries
        where tenant_id = in_tenant_id and ordering_key = in_ordering_key and has_turn;
    if found then
        return;
    end if;
    select * into following from postern.ordered_deliveries
        where tenant_id = in_tenant_id and ordering_key = in_ordering_key
        order by position limit 1;
    if not found then
        return;
    end if;
    update postern.ordered_deliveries
        set has_turn = true, is_parked = false, turn_at = case when following.is_parked then now() end
        where tenant_id = in_tenant_id and delivery_id = following.delivery_id;
    if following.is_parked then
        -- It has not run yet, so that its attempt is the first. Who closed the one before it takes it up at once; the
        -- others, and relays, which would send it to the end of a topic, leave it alone for a quarter of a second.
        insert into postern.outbox (tenant_id, delivery_id, available_at, ordering_key, ticket)
            values (in_tenant_id, following.delivery_id, now() + interval '0.25 s', in_ordering_key,
                    nextval('postern.outbox_ticket'))
            on conflict (tenant_id, delivery_id) do update
                set available_at = excluded.available_at, ticket = excluded.ticket;
    end if;
end
$$;

create or replace function postern.leave_order(
    in_tenant_id uuid, in_ordering_key text, in_delivery_id uuid) returns boolean
language plpgsql
as $$
begin
    perform postern.leave_order(in_tenant_id, in_ordering_key, array[in_delivery_id]);
    return true;
end
$$;

-- As before, but for deliveries that a group has taken out of their order already.
create or replace function postern.pass_turn() returns trigger
language plpgsql
as $$
begin
    perform from postern.ordered_deliveries where tenant_id = new.tenant_id and delivery_id = new.delivery_id;
    if found then
        perform postern.leave_order(new.tenant_id, new.ordering_key, new.delivery_id);
    end if;
    return null;
end
$$;

create or replace function postern.finish_group(
    in_tenant_id uuid, in_delivery_ids uuid[], in_outcomes text[], in_durations_ms real[])
returns void
language plpgsql
as $$
declare
    moment timestamptz;
begin
    -- A line at once: by the trigger, each would get the turn only to be closed. Keys are locked in one order by all.
    perform postern.leave_order(in_tenant_id, line.ordering_key, line.delivery_ids)
        from (
            select ordering_key, array_agg(delivery_id) as delivery_ids
            from postern.ordered_deliveries
            where tenant_id = in_tenant_id and delivery_id = any(in_delivery_ids)
            group by ordering_key
            order by ordering_key) line;
    moment := clock_timestamp();
    update postern.deliveries
        set dispatch_status = 'dispatched',
            handler_outcome = in_outcomes[array_position(in_delivery_ids, delivery_id)]::json,
            duration_ms = in_durations_ms[array_position(in_delivery_ids, delivery_id)],
            -- In the order given, a microsecond apart: less than closing one takes.
            completed_at = moment + array_position(in_delivery_ids, delivery_id) * interval '1 microsecond',
            next_attempt_at = null
        where tenant_id = in_tenant_id and delivery_id = any(in_delivery_ids);
    delete from postern.outbox where tenant_id = in_tenant_id and delivery_id = any(in_delivery_ids);
end
$$;

-- When deliveries may run, as take_turn has it, in the order given: now, later (parked until its turn comes) or past (it
-- has been closed, or is gone). Copies that come late, in numbers once a line was handled ahead of them, are told so
-- without the lock of their key. Null: somebody holds that lock, and this did not wait for it, unless told to; who waits
-- may ask for one key alone, so that nobody waits in a circle, nor because of another key.
create function postern.take_turns(
    in_tenant_id uuid, in_ordering_keys text[], in_delivery_ids uuid[], in_waits boolean)
returns text[]
language plpgsql
as $$
declare
    turns text[] := array_fill('past'::text, array[cardinality(in_delivery_ids)]);
    asked record;
begin
    for asked in
        select a.ordering_key, a.delivery_id, a.number
        from unnest(in_ordering_keys, in_delivery_ids) with ordinality as a (ordering_key, delivery_id, number)
        where exists (
                select from postern.ordered_deliveries n
                where n.tenant_id = in_tenant_id and n.delivery_id = a.delivery_id)
            or exists (
                select from postern.deliveries d
                where d.tenant_id = in_tenant_id and d.delivery_id = a.delivery_id and d.dispatch_status = 'pending')
        order by a.number
    loop
        turns[asked.number] := case
            when not in_waits and not postern.try_lock_ordering_key(in_tenant_id, asked.ordering_key) then null
            when postern.take_turn(in_tenant_id, asked.ordering_key, asked.delivery_id) then 'now'
            else 'later'
        end;
    end loop;
    return turns;
end
$$;

create function postern.try_lock_ordering_key(in_tenant_id uuid, in_ordering_key text) returns boolean
language sql
as $$
    select pg_try_advisory_xact_lock(hashtextextended(in_tenant_id::text || in_ordering_key, 0))
$$;
