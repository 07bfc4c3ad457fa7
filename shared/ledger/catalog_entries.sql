-- list_actions --
-- What live workers can run.
select name, entity_type, definition from postern.action_catalog order by entity_type, name

-- list_workflow_names --
select name from postern.workflow_catalog order by name
