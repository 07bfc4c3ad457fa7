-- install --
-- Number every handling, in its own transaction: an upsert would hide that it ran twice. The number tells the order of
-- the commits of one asset: whoever changes it holds its row until the commit.
create schema benchmark;
create table benchmark.effects (
    number   bigint generated always as identity primary key,
    event_id text not null
);
create function benchmark.note_effect() returns trigger
language plpgsql security definer
as $$
begin
    insert into benchmark.effects (event_id) values (new.name);
    return null;
end
$$;
create trigger note_effect after insert or update on psa.assets
    for each row execute function benchmark.note_effect();

-- events --
-- Every event that had an effect.
select distinct event_id from benchmark.effects

-- doubled --
-- How many events had more than one effect.
select count(*) from (select from benchmark.effects group by event_id having count(*) > 1) doubled

-- out_of_order --
-- How many effects of a line do not follow that of the number before.
select count(*)
from (
    select split_part(event_id, '/', 2)::integer as number,
           lag(split_part(event_id, '/', 2)::integer, 1, 0)
               over (partition by split_part(event_id, '/', 1) order by e.number) as before
    from benchmark.effects e
    where event_id not like 'free/%'
) ordered
where number <> before + 1

-- effect_count --
-- How many effects there are.
select count(*) from benchmark.effects

-- effects_so_far --
-- About how many effects there are: looked up, where counting them would slow what is measured.
select last_value from benchmark.effects_number_seq

-- pending_count --
-- How many deliveries are not handled.
select count(*) from postern.deliveries where dispatch_status = 'pending'

-- oldest_pending --
-- The oldest delivery that is not handled; its id tells its time.
select delivery_id from postern.deliveries where dispatch_status = 'pending' order by delivery_id limit 1
