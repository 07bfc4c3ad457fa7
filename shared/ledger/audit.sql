-- insert --
-- $1 tenant_id, $2 event_id, $3 actor, $4 action, $5 target, $6 details
insert into postern.audit_events (tenant_id, event_id, actor, action, target, details)
values ($1, $2, $3, $4, $5, $6)
