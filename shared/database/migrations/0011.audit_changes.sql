-- The audit trail tells what a change changed, and in which request. No row is written anew.
-- depends: 0009.lookups

alter table postern.audit_events
    add column request_id text,
    -- What differs, field by field, secrets masked; null where nothing was compared.
    add column changes json;

-- Everything that happened to one thing; the primary key serves the lists of all things.
create index audit_events_target on postern.audit_events (tenant_id, target, event_id) where target is not null;
