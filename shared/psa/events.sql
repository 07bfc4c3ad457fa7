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
