-- find_work_day --
-- The day on which a moment falls in a user's time zone, with the time period that covers it; of several, the latest.
-- $1 tenant_id, $2 user_id, $3 moment
select day.work_date::text, u.time_zone as work_time_zone,
       (select p.period_id from psa.time_periods p
        where p.tenant_id = $1 and p.start_date <= day.work_date and p.end_date >= day.work_date
        order by p.start_date desc limit 1) as period_id
from psa.users u
cross join lateral (select ($3::timestamptz at time zone u.time_zone)::date as work_date) as day
where u.tenant_id = $1 and u.user_id = $2

-- insert --
-- Insert an entry into the user's sheet of the period, which is made where there is none, add its minutes to the task
-- that was worked on, and tell of it.
-- $1 tenant_id, $2 entry_id, $3 values as JSON text, $4 event_name, $5 changes as JSON text, $6 delivery_id
with entry as materialized (
    select * from json_populate_record(null::psa.time_entries, $3::json)
), sheet as (
    insert into psa.time_sheets (tenant_id, time_sheet_id, period_id, user_id)
    select $1, time_sheet_id, period_id, user_id from json_populate_record(null::psa.time_sheets, $3::json)
    on conflict (tenant_id, period_id, user_id) do update set updated_at = now()
    returning time_sheet_id
), inserted as (
    insert into psa.time_entries (
        tenant_id, entry_id, user_id, time_sheet_id, work_item_type, work_item_id, service_id, start_time, end_time,
        work_date, work_time_zone, duration_minutes, billable_duration, notes, tax_region, created_by)
    select $1, $2, entry.user_id, sheet.time_sheet_id, entry.work_item_type, entry.work_item_id, entry.service_id,
           entry.start_time, entry.start_time + make_interval(mins => entry.duration_minutes), entry.work_date,
           entry.work_time_zone, entry.duration_minutes, entry.billable_duration, entry.notes, entry.tax_region,
           entry.user_id
    from entry, sheet
), worked as (
    update psa.project_tasks t
    set actual_minutes = t.actual_minutes + entry.duration_minutes, updated_at = now()
    from entry
    where t.tenant_id = $1 and entry.work_item_type = 'project_task' and t.task_id = entry.work_item_id
)
insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
values ($1, 'time_entry', $2, $4, $5, $6)
