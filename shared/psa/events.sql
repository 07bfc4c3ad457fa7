-- list_after --
-- The events after a cursor, up to the oldest transaction that still runs: below it nothing can turn up any more.
-- $1 tenant_id, $2 transaction_id as text, $3 event_number, $4 limit
select transaction_id::text, event_number, occurred_at, entity_type, entity_id, event_name, changes, delivery_id
from psa.events
where tenant_id = $1 and (transaction_id, event_number) > ($2::text::xid8, $3::bigint)
  and transaction_id < pg_snapshot_xmin(pg_current_snapshot())
order by transaction_id, event_number
limit $4

-- insert --
-- Tell of a change by an action that is no part of Postern.
-- $1 tenant_id, $2 entity_type, $3 entity_id, $4 event_name, $5 changes as JSON text, $6 delivery_id
insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
values ($1, $2, $3, $4, $5, $6)

-- find_horizon --
-- How far a tenant's events are forgotten; nothing where all are there.
-- $1 tenant_id
select transaction_id::text, event_number from psa.event_horizons where tenant_id = $1

-- delete_old --
-- Forget a batch of events of tenants whose oldest one is past the retention, and note how far; return how many. Each
-- tenant's oldest events stand first in its part of the primary key: no other index is needed, and none kept up.
-- $1 retention_days, $2 limit for each tenant, $3 limit of tenants
with due as (
    select t.tenant_id
    from postern.tenants t
    cross join lateral (
        select e.occurred_at from psa.events e
        where e.tenant_id = t.tenant_id
        order by e.transaction_id, e.event_number
        limit 1) as oldest
    where oldest.occurred_at < now() - make_interval(days => $1)
    limit $3
), old as (
    select e.tenant_id, e.transaction_id, e.event_number
    from due
    cross join lateral (
        select tenant_id, transaction_id, event_number, occurred_at from psa.events
        where tenant_id = due.tenant_id
        order by transaction_id, event_number
        limit $2) as e
    where e.occurred_at < now() - make_interval(days => $1)
), deleted as (
    delete from psa.events e using old
    where e.tenant_id = old.tenant_id and e.transaction_id = old.transaction_id and e.event_number = old.event_number
    returning e.tenant_id, e.transaction_id, e.event_number
), noted as (
    insert into psa.event_horizons as h (tenant_id, transaction_id, event_number)
    select distinct on (tenant_id) tenant_id, transaction_id, event_number
    from deleted
    order by tenant_id, transaction_id desc, event_number desc
    on conflict (tenant_id) do update
        set transaction_id = excluded.transaction_id, event_number = excluded.event_number
        where (excluded.transaction_id, excluded.event_number) > (h.transaction_id, h.event_number)
)
select count(*) from deleted
