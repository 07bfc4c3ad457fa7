-- Order, retry policies, circuit breakers and dead letters.
-- depends: 0002.psa

alter table postern.webhooks
    add column retry_policy jsonb, -- null: the worker's default
    add column ordering jsonb; -- null: none

-- Order -------------------------------------------------------------------------------------------

alter table postern.deliveries add column ordering_key text;

-- Written anew without a new attempt, a row gets a new ticket: whoever still means to delete the row that was there
-- before names the old one.
create sequence postern.outbox_ticket;
alter table postern.outbox
    add column ticket bigint not null default 0,
    add column held_for uuid; -- the webhook whose open circuit breaker holds the delivery back
create index outbox_held on postern.outbox (tenant_id, held_for) where held_for is not null;

-- The unfinished deliveries of each ordering key in the order of their acceptance, which is not that of their ids:
-- two gateways have two clocks.
create table postern.ordered_deliveries (
    tenant_id    uuid not null,
    ordering_key text not null,
    position     bigint not null generated always as identity,
    delivery_id  uuid not null,
    has_turn     boolean not null default false, -- the one that may run; stays so over its retries
    is_parked    boolean not null default false, -- came before its turn: queued nowhere until it has it
    primary key (tenant_id, ordering_key, position)
);
create unique index ordered_deliveries_delivery on postern.ordered_deliveries (tenant_id, delivery_id);
create unique index ordered_deliveries_turn on postern.ordered_deliveries (tenant_id, ordering_key) where has_turn;

create function postern.take_place_in_order() returns trigger
language plpgsql
as $$
begin
    insert into postern.ordered_deliveries (tenant_id, ordering_key, delivery_id)
        values (new.tenant_id, new.ordering_key, new.delivery_id);
    return null;
end
$$;
create trigger deliveries_take_place after insert on postern.deliveries
    for each row when (new.ordering_key is not null and new.dispatch_status = 'pending')
    execute function postern.take_place_in_order();

-- Everything that is decided about one key is decided under this lock, which is held for moments only. Statements
-- that follow it see what its earlier holders committed.
create function postern.lock_ordering_key(in_tenant_id uuid, in_ordering_key text) returns void
language sql
as $$
    select pg_advisory_xact_lock(hashtextextended(in_tenant_id::text || in_ordering_key, 0))
$$;

-- Return whether a delivery may run now; else park it, to be queued again when its turn comes. A delivery without a
-- place is finished: let its claim find out.
create function postern.take_turn(in_tenant_id uuid, in_ordering_key text, in_delivery_id uuid) returns boolean
language plpgsql
as $$
declare
    first_id uuid;
begin
    perform postern.lock_ordering_key(in_tenant_id, in_ordering_key);
    select delivery_id into first_id from postern.ordered_deliveries
        where tenant_id = in_tenant_id and ordering_key = in_ordering_key and has_turn;
    if found and first_id = in_delivery_id then
        return true;
    end if;
    if not found then
        select delivery_id into first_id from postern.ordered_deliveries
            where tenant_id = in_tenant_id and ordering_key = in_ordering_key
            order by position limit 1;
        if first_id = in_delivery_id then
            -- Lost in a crash, the turn is taken again: the commit need not wait for the disk.
            perform set_config('synchronous_commit', 'off', true);
            update postern.ordered_deliveries set has_turn = true
                where tenant_id = in_tenant_id and delivery_id = in_delivery_id;
            return true;
        end if;
    end if;
    update postern.ordered_deliveries set is_parked = true
        where tenant_id = in_tenant_id and delivery_id = in_delivery_id;
    return not found;
end
$$;

-- Take a delivery out of its key's order and give the turn to the next; queue that one if it was parked. Returns true.
create function postern.leave_order(in_tenant_id uuid, in_ordering_key text, in_delivery_id uuid) returns boolean
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
    update postern.ordered_deliveries set has_turn = true, is_parked = false
        where tenant_id = in_tenant_id and delivery_id = following.delivery_id;
    if following.is_parked then
        -- It has not run yet, so that its attempt is the first.
        insert into postern.outbox (tenant_id, delivery_id, available_at, ordering_key, ticket)
            values (in_tenant_id, following.delivery_id, now(), in_ordering_key, nextval('postern.outbox_ticket'))
            on conflict (tenant_id, delivery_id) do update
                set available_at = excluded.available_at, ticket = excluded.ticket;
    end if;
    return true;
end
$$;

create function postern.pass_turn() returns trigger
language plpgsql
as $$
begin
    perform postern.leave_order(new.tenant_id, new.ordering_key, new.delivery_id);
    return null;
end
$$;
create trigger deliveries_pass_turn after update of dispatch_status on postern.deliveries
    for each row when (new.ordering_key is not null and old.dispatch_status = 'pending'
                       and new.dispatch_status <> 'pending')
    execute function postern.pass_turn();

-- Circuit breakers --------------------------------------------------------------------------------

-- No row: closed, and nothing has failed since the last success.
create table postern.circuit_breakers (
    tenant_id    uuid not null,
    webhook_id   uuid not null,
    failures     integer not null, -- in a row, each of another delivery than the one before
    last_failed  uuid not null,
    opened_at    timestamptz, -- null: closed
    hold_seconds double precision not null, -- from opening, and from each failed probe, to the next probe
    held_count   integer not null default 0,
    probe_at     timestamptz, -- from then on one delivery at a time may try
    probe_id     uuid, -- the delivery that tries, until
    probe_until  timestamptz,
    primary key (tenant_id, webhook_id)
);

-- Dead letters ------------------------------------------------------------------------------------

-- Records of the queue that are no deliveries. They name no tenant, so that none may see them.
create table postern.dead_letters (
    dead_letter_id uuid primary key,
    source         text not null, -- topic/partition/offset
    reason         text not null,
    value          bytea not null, -- its beginning, where it is longer than what is kept
    value_bytes    integer not null,
    received_at    timestamptz not null default now()
);
create index dead_letters_received on postern.dead_letters (received_at);

do $$
declare
    table_name text;
begin
    foreach table_name in array array['ordered_deliveries', 'circuit_breakers']
    loop
        execute format('alter table postern.%I enable row level security', table_name);
        execute format(
            'create policy one_tenant on postern.%I to postern_tenant
             using (tenant_id = postern.current_tenant()) with check (tenant_id = postern.current_tenant())',
            table_name);
        execute format(
            'create policy all_tenants on postern.%I to postern_system using (true) with check (true)', table_name);
    end loop;
end
$$;
grant select, insert, update, delete on postern.ordered_deliveries, postern.circuit_breakers
    to postern_tenant, postern_system;
grant select, insert, delete on postern.dead_letters to postern_system;
grant usage on sequence postern.outbox_ticket to postern_tenant, postern_system;
