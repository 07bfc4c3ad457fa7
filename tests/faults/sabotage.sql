-- tools --
-- What the triggers below run.
create or replace function faults.skip() returns trigger
language plpgsql
as $$ begin return null; end $$;
create or replace function faults.forget_key() returns trigger
language plpgsql
as $$ begin new.key_digest := sha256(convert_to(gen_random_uuid()::text, 'UTF8')); return new; end $$;
create or replace function faults.keep_pending() returns trigger
language plpgsql
as $$ begin new.dispatch_status := 'pending'; new.completed_at := null; return new; end $$;
create or replace function faults.embellish() returns trigger
language plpgsql
as $$ begin new.dispatch_status := 'dispatched'; return new; end $$;

-- break_outbox --
-- A gateway that commits deliveries without their outbox rows.
create trigger sabotage before insert on postern.outbox for each row execute function faults.skip();

-- mend_outbox --
drop trigger sabotage on postern.outbox;

-- break_idempotency --
-- A ledger in which no two events have the same key.
create trigger sabotage before insert on postern.idempotency_keys
    for each row execute function faults.forget_key();

-- mend_idempotency --
drop trigger sabotage on postern.idempotency_keys;

-- break_closing --
-- A worker that commits its effect, but not that the delivery is done.
create trigger sabotage before update on postern.deliveries
    for each row when (new.dispatch_status = 'dispatched') execute function faults.keep_pending();
create trigger sabotage before delete on postern.outbox for each row execute function faults.skip();

-- mend_closing --
drop trigger sabotage on postern.deliveries;
drop trigger sabotage on postern.outbox;

-- break_ending --
-- A worker that takes what it has done out of the queue, but not that the delivery is done.
create trigger sabotage before update on postern.deliveries
    for each row when (new.dispatch_status = 'dispatched') execute function faults.keep_pending();

-- mend_ending --
drop trigger sabotage on postern.deliveries;

-- break_rejecting --
-- A worker that calls done what it could not do.
create trigger sabotage before update on postern.deliveries
    for each row when (new.dispatch_status = 'failed') execute function faults.embellish();

-- mend_rejecting --
drop trigger sabotage on postern.deliveries;

-- break_leasing --
-- A ledger that leases tokens to every gateway as if it were the only one, and had leased none before.
create trigger sabotage before update on postern.rate_limit_buckets for each row execute function faults.skip();
create trigger sabotage before insert on postern.rate_limit_leases for each row execute function faults.skip();

-- mend_leasing --
drop trigger sabotage on postern.rate_limit_buckets;
drop trigger sabotage on postern.rate_limit_leases;

-- break_dead_letters --
-- A worker that drops records that are no deliveries.
create trigger sabotage before insert on postern.dead_letters for each row execute function faults.skip();

-- mend_dead_letters --
drop trigger sabotage on postern.dead_letters;

-- stumble --
-- $1 share of handlings that fail from now on
update faults.stumbles set share = %s

-- break_flushing --
-- A ledger that says committed before anything is on disk, and writes it out much later.
alter system set synchronous_commit = off

-- break_flushing_delay --
alter system set wal_writer_delay = '10s'

-- mend_flushing --
alter system reset all

-- reload --
select pg_reload_conf()

-- forget_effects --
-- $1 event_id
delete from faults.effects where event_id = %s

-- add_effect --
-- $1 event_id
insert into faults.effects (event_id) values (%s)

-- forget_delivery --
-- $1 delivery_id
delete from postern.deliveries where delivery_id = %s::uuid
