-- list_actions --
-- What live workers can run.
select name, entity_type, definition from postern.action_catalog order by entity_type, name

-- list_workflow_names --
-- The workflows that workers have announced, by name.
-- What live workers can start.
select name from postern.workflow_catalog order by name
