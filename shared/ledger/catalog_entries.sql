-- list_actions --
-- What live workers can run.
select name, entity_type, definition from postern.action_catalog order by entity_type, name

-- list_workflows --
-- The workflows that workers have announced, by name.
select name, definition from postern.workflow_catalog order by name
