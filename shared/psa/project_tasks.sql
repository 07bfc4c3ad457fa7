-- lock --
-- A task, locked against others that change it.
-- $1 tenant_id, $2 task_id
select project_id, phase_id, project_status_mapping_id, task_name
from psa.project_tasks
where tenant_id = $1 and task_id = $2
for no key update

-- find_placement --
-- The phase of a task, or the first phase of its project; the status that is asked for if it is one of that phase, of
-- the project or of all projects, or the first status of the phase, else of the project, else of all projects.
-- $1 tenant_id, $2 project_id, $3 phase_id or null, $4 project_status_mapping_id or null
with phase as materialized (
    select phase_id, project_id
    from psa.project_phases
    where tenant_id = $1 and case when $3::uuid is null then project_id = $2 else phase_id = $3 end
    order by string_to_array(wbs_code, '.')::integer[]
    limit 1
)
select
    (select phase_id from phase) as phase_id,
    (select project_id from phase) as phase_project_id,
    (select m.project_status_mapping_id
     from psa.project_status_mappings m
     where m.tenant_id = $1 and ($4::uuid is null or m.project_status_mapping_id = $4)
       and (m.project_id is null or m.project_id = $2)
       and (m.phase_id is null or m.phase_id = (select phase_id from phase))
     order by m.phase_id is null, m.project_id is null, m.order_number, m.project_status_mapping_id
     limit 1) as project_status_mapping_id

-- insert --
-- Insert a task under its phase's next number and tell of it.
-- $1 tenant_id, $2 task_id, $3 values as JSON text, $4 event_name, $5 changes as JSON text, $6 delivery_id
with task as materialized (
    select * from json_populate_record(null::psa.project_tasks, $3::json)
), numbered as (
    update psa.project_phases p
    set last_task_number = p.last_task_number + 1
    from task
    where p.tenant_id = $1 and p.phase_id = task.phase_id
    returning p.wbs_code || '.' || p.last_task_number as wbs_code
), inserted as (
    insert into psa.project_tasks (
        tenant_id, task_id, project_id, phase_id, project_status_mapping_id, task_name, description, wbs_code,
        assigned_to, estimated_hours, due_date, priority_id, task_type_key, service_id)
    select $1, $2, task.project_id, task.phase_id, task.project_status_mapping_id, task.task_name, task.description,
           numbered.wbs_code, task.assigned_to, task.estimated_hours, task.due_date, task.priority_id,
           task.task_type_key, task.service_id
    from task, numbered
), told as (
    insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
    values ($1, 'project_task', $2, $4, $5, $6)
)
select wbs_code from numbered

-- update --
-- Give a task another status and tell of it.
-- $1 tenant_id, $2 task_id, $3 changes as JSON text, $4 event_name, $5 told changes as JSON text, $6 delivery_id
with updated as (
    update psa.project_tasks t
    set (project_status_mapping_id, updated_at) = (
        select n.project_status_mapping_id, now() from json_populate_record(t, $3::json) as n)
    where tenant_id = $1 and task_id = $2
)
insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
values ($1, 'project_task', $2, $4, $5, $6)
