-- announce_actions --
-- Say that a live worker can run these actions. Sorted, so that workers that start together cannot deadlock.
-- $1 names, $2 entity_types, $3 definitions as JSON text
insert into postern.action_catalog (name, entity_type, definition)
select name, entity_type, definition::json
from unnest($1::text[], $2::text[], $3::text[]) as announced (name, entity_type, definition)
order by name
on conflict (name) do update
    set entity_type = excluded.entity_type, definition = excluded.definition, announced_at = now()

-- forget_actions --
-- Forget actions that no worker has announced for so long: their package is gone.
-- $1 days
delete from postern.action_catalog where announced_at < now() - make_interval(days => $1)

-- announce_workflows --
-- Say that a live worker can carry on these workflows. Sorted likewise.
-- $1 names, $2 definitions as JSON text
insert into postern.workflow_catalog (name, definition)
select name, definition::json from unnest($1::text[], $2::text[]) as announced (name, definition)
order by name
on conflict (name) do update set definition = excluded.definition, announced_at = now()

-- forget_workflows --
-- Likewise.
-- $1 days
delete from postern.workflow_catalog where announced_at < now() - make_interval(days => $1)
