-- find_missing --
-- The places, from 1, of those wanted entities that the tenant does not have.
-- $1 tenant_id, $2 entity types, $3 entity ids
select wanted.position
from unnest($2::text[], $3::uuid[]) with ordinality as wanted (entity_type, entity_id, position)
where not case wanted.entity_type
    when 'asset' then exists (select from psa.assets where tenant_id = $1 and asset_id = wanted.entity_id)
    when 'board' then exists (select from psa.boards where tenant_id = $1 and board_id = wanted.entity_id)
    when 'client' then exists (select from psa.clients where tenant_id = $1 and client_id = wanted.entity_id)
    when 'client_location' then exists (
        select from psa.locations where tenant_id = $1 and location_id = wanted.entity_id)
    when 'contact' then exists (select from psa.contacts where tenant_id = $1 and contact_id = wanted.entity_id)
    when 'interaction' then exists (
        select from psa.interactions where tenant_id = $1 and interaction_id = wanted.entity_id)
    when 'invoice' then exists (select from psa.invoices where tenant_id = $1 and invoice_id = wanted.entity_id)
    when 'non_billable_category' then exists (
        select from psa.non_billable_categories where tenant_id = $1 and category_id = wanted.entity_id)
    when 'priority' then exists (select from psa.priorities where tenant_id = $1 and priority_id = wanted.entity_id)
    when 'project' then exists (select from psa.projects where tenant_id = $1 and project_id = wanted.entity_id)
    when 'project_phase' then exists (
        select from psa.project_phases where tenant_id = $1 and phase_id = wanted.entity_id)
    when 'project_status_mapping' then exists (
        select from psa.project_status_mappings where tenant_id = $1 and project_status_mapping_id = wanted.entity_id)
    when 'project_task' then exists (select from psa.project_tasks where tenant_id = $1 and task_id = wanted.entity_id)
    when 'service' then exists (select from psa.services where tenant_id = $1 and service_id = wanted.entity_id)
    when 'team' then exists (select from psa.teams where tenant_id = $1 and team_id = wanted.entity_id)
    when 'ticket' then exists (select from psa.tickets where tenant_id = $1 and ticket_id = wanted.entity_id)
    when 'ticket_category' then exists (
        select from psa.categories where tenant_id = $1 and category_id = wanted.entity_id and parent_category_id is null)
    when 'ticket_priority' then exists (
        select from psa.priorities where tenant_id = $1 and priority_id = wanted.entity_id)
    when 'ticket_status' then exists (
        select from psa.ticket_statuses where tenant_id = $1 and status_id = wanted.entity_id)
    when 'ticket_subcategory' then exists (
        select from psa.categories where tenant_id = $1 and category_id = wanted.entity_id and parent_category_id is not null)
    when 'time_entry' then exists (select from psa.time_entries where tenant_id = $1 and entry_id = wanted.entity_id)
    when 'user' then exists (select from psa.users where tenant_id = $1 and user_id = wanted.entity_id)
    else false
end
order by wanted.position

-- find_names --
-- What people call entities, in the order in which they are asked for; null for what the tenant does not have.
-- $1 tenant_id, $2 entity types, $3 entity ids
select case wanted.entity_type
    when 'asset' then (select name from psa.assets where tenant_id = $1 and asset_id = wanted.entity_id)
    when 'board' then (select name from psa.boards where tenant_id = $1 and board_id = wanted.entity_id)
    when 'client' then (select name from psa.clients where tenant_id = $1 and client_id = wanted.entity_id)
    when 'client_location' then (select name from psa.locations where tenant_id = $1 and location_id = wanted.entity_id)
    when 'contact' then (select full_name from psa.contacts where tenant_id = $1 and contact_id = wanted.entity_id)
    when 'interaction' then (select title from psa.interactions where tenant_id = $1 and interaction_id = wanted.entity_id)
    when 'invoice' then (select invoice_number from psa.invoices where tenant_id = $1 and invoice_id = wanted.entity_id)
    when 'non_billable_category' then (select name from psa.non_billable_categories where tenant_id = $1 and category_id = wanted.entity_id)
    when 'priority' then (select name from psa.priorities where tenant_id = $1 and priority_id = wanted.entity_id)
    when 'project' then (select name from psa.projects where tenant_id = $1 and project_id = wanted.entity_id)
    when 'project_phase' then (select name from psa.project_phases where tenant_id = $1 and phase_id = wanted.entity_id)
    when 'project_status_mapping' then (select name from psa.project_status_mappings where tenant_id = $1 and project_status_mapping_id = wanted.entity_id)
    when 'project_task' then (select task_name from psa.project_tasks where tenant_id = $1 and task_id = wanted.entity_id)
    when 'service' then (select name from psa.services where tenant_id = $1 and service_id = wanted.entity_id)
    when 'team' then (select name from psa.teams where tenant_id = $1 and team_id = wanted.entity_id)
    when 'ticket' then (select ticket_number || ' ' || title from psa.tickets where tenant_id = $1 and ticket_id = wanted.entity_id)
    when 'ticket_category' then (select name from psa.categories where tenant_id = $1 and category_id = wanted.entity_id and parent_category_id is null)
    when 'ticket_priority' then (select name from psa.priorities where tenant_id = $1 and priority_id = wanted.entity_id)
    when 'ticket_status' then (select name from psa.ticket_statuses where tenant_id = $1 and status_id = wanted.entity_id)
    when 'ticket_subcategory' then (select name from psa.categories where tenant_id = $1 and category_id = wanted.entity_id and parent_category_id is not null)
    when 'time_entry' then (select start_time::text from psa.time_entries where tenant_id = $1 and entry_id = wanted.entity_id)
    when 'user' then (select full_name from psa.users where tenant_id = $1 and user_id = wanted.entity_id)
end as name
from unnest($2::text[], $3::uuid[]) with ordinality as wanted (entity_type, entity_id, position)
order by wanted.position
