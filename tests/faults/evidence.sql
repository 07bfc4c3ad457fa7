-- install --
-- One row per handling, in the handling's own transaction: an upsert would hide that it ran twice. While faults.holds
-- has a row, a transaction that wrote an asset does not finish its COMMIT.
create schema if not exists faults;
create table if not exists faults.effects (
    -- The order in which effects began; those of one key are never in progress at the same time.
    effect_number  bigint generated always as identity,
    event_id       text not null,
    transaction_id xid8 not null default pg_current_xact_id(),
    happened_at    timestamptz not null default clock_timestamp()
);
create index if not exists effects_event on faults.effects (event_id);
create table if not exists faults.holds (reason text not null);
-- Its one row says which share of handlings fails before its effect, as a bad day of a store would.
create table if not exists faults.stumbles (share double precision not null);

create or replace function faults.stumble() returns trigger
language plpgsql security definer
as $$
begin
    if random() < (select share from faults.stumbles) then
        raise exception 'stumbled' using errcode = (array['P0001', '40001', '40P01'])[1 + floor(random() * 3)::int];
    end if;
    return new;
end
$$;
create or replace trigger stumble before insert or update on psa.assets
    for each row execute function faults.stumble();

create or replace function faults.note_effect() returns trigger
language plpgsql security definer
as $$
begin
    insert into faults.effects (event_id) values (new.name);
    return null;
end
$$;
create or replace trigger note_effect after insert or update on psa.assets
    for each row execute function faults.note_effect();

-- One row per effect of a workflow's step: it comes by the step's key, so that a second call adds none.
create table if not exists faults.step_effects (
    key       text primary key,
    event_id  text not null,
    step      integer not null
);
create index if not exists step_effects_event on faults.step_effects (event_id);
create or replace trigger stumble before insert on faults.step_effects
    for each row execute function faults.stumble();

create or replace function faults.hold_commit() returns trigger
language plpgsql security definer
as $$
declare
    patience_ends timestamptz := clock_timestamp() + interval '30 seconds';
begin
    while clock_timestamp() < patience_ends and exists (select from faults.holds) loop
        perform pg_sleep(0.02);
    end loop;
    return null;
end
$$;
drop trigger if exists hold_commit on psa.assets;
create constraint trigger hold_commit after insert or update on psa.assets
    deferrable initially deferred for each row execute function faults.hold_commit();

-- stumble --
-- $1 share of handlings that fail
with former as (delete from faults.stumbles) insert into faults.stumbles values (%s)

-- garbage --
-- The records that were put aside, by what was in them.
select distinct encode(value, 'escape') as content from postern.dead_letters

-- attempts --
-- Every attempt at a delivery.
-- $1 delivery_id
select a.* from postern.delivery_attempts a where delivery_id = %s::uuid order by attempt

-- hold --
-- From now on let no effect commit.
insert into faults.holds values ('test')

-- release --
-- Let held transactions commit.
delete from faults.holds

-- held --
-- The server processes of held transactions.
select pid from pg_stat_activity where wait_event = 'PgSleep' order by pid

-- terminate --
-- Roll a held transaction back, as a lost connection to its client would at any other moment.
-- $1 pid
select pg_terminate_backend(%s)

-- claim --
-- Lock deliveries until the end of the transaction.
-- $1 delivery_ids
select delivery_id from postern.deliveries where delivery_id = any (%s::uuid[]) for update

-- deliveries --
-- What the ledger says of a webhook's verified requests.
-- $1 webhook_id
select d.delivery_id::text, d.idempotency_key as event_id, d.dispatch_status, d.duplicate_of::text, d.retry_count,
       concat_ws(' ', d.handler_outcome::text, r.status, r.error) as outcome,
       extract(epoch from d.completed_at - d.received_at)::double precision as handled_after_seconds
from postern.deliveries d left join postern.workflow_runs r using (tenant_id, delivery_id)
where d.webhook_id = %s and d.auth_status = 'verified'

-- effects --
-- How often each event of a webhook was handled; by a workflow: how often its step that was effective most often, and not
-- at all while one of its three steps was not.
-- $1 webhook_id
with of_webhook as (
    select distinct idempotency_key as event_id from postern.deliveries where webhook_id = %s
), steps as (
    select event_id, step, count(*) as effect_count
    from faults.step_effects join of_webhook using (event_id)
    group by event_id, step
)
select event_id, count(*) as effect_count from faults.effects join of_webhook using (event_id)
group by event_id
union all
select event_id, max(effect_count) from steps group by event_id having count(*) = 3

-- effect_order --
-- Every handled event of a webhook, in the order in which their effects began.
-- $1 webhook_id
select event_id from faults.effects
where event_id in (select idempotency_key from postern.deliveries where webhook_id = %s)
order by effect_number

-- unfinished --
-- How many deliveries of a webhook are pending or queued, or have a run that goes on: it has not had its last effect, and
-- is not known to have ended without it.
-- $1 webhook_id
select count(*) as unfinished_count
from postern.deliveries d
left join postern.outbox o using (tenant_id, delivery_id)
left join postern.workflow_runs r using (tenant_id, delivery_id)
where d.webhook_id = %s and (
    d.dispatch_status = 'pending' or o.delivery_id is not null
    or r.ended_at is null and r.run_id is not null and not exists (
        select from faults.step_effects s where s.event_id = d.idempotency_key and s.step = 3))
