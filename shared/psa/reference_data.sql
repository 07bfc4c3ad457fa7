-- upsert_settings --
-- Set how a tenant's tickets are numbered and tracked, and what new clients start with; numbers that are given out stay.
-- $1 tenant_id, $2 settings as a JSON object
insert into psa.tenant_settings (
    tenant_id, ticket_prefix, tracks_responses, default_contract_id, default_tax_region, default_is_tax_exempt,
    default_is_reverse_charge)
select $1, r.ticket_prefix, r.tracks_responses, r.default_contract_id, r.default_tax_region, r.default_is_tax_exempt,
       r.default_is_reverse_charge
from json_populate_record(null::psa.tenant_settings, $2::json) as r
on conflict (tenant_id) do update
    set ticket_prefix = excluded.ticket_prefix, tracks_responses = excluded.tracks_responses, default_contract_id =
        excluded.default_contract_id, default_tax_region = excluded.default_tax_region, default_is_tax_exempt =
        excluded.default_is_tax_exempt, default_is_reverse_charge = excluded.default_is_reverse_charge

-- upsert_users --
-- Insert or update users; an unknown time zone is refused. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.users as t (tenant_id, user_id, email, full_name, time_zone, is_inactive)
select $1, r.user_id, r.email, r.full_name, r.time_zone, r.is_inactive
from json_populate_recordset(null::psa.users, $2::json) as r where now() at time zone r.time_zone is not null
on conflict (tenant_id, user_id) do update
    set email = excluded.email, full_name = excluded.full_name, time_zone = excluded.time_zone, is_inactive =
        excluded.is_inactive, updated_at = now()
    where (t.email, t.full_name, t.time_zone, t.is_inactive) is distinct from
          (excluded.email, excluded.full_name, excluded.time_zone, excluded.is_inactive)

-- upsert_teams --
-- Insert or update teams. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.teams as t (tenant_id, team_id, name)
select $1, r.team_id, r.name
from json_populate_recordset(null::psa.teams, $2::json) as r
on conflict (tenant_id, team_id) do update
    set name = excluded.name, updated_at = now()
    where (t.name) is distinct from
          (excluded.name)

-- upsert_contracts --
-- Insert or update contracts. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.contracts as t (tenant_id, contract_id, name, is_inactive)
select $1, r.contract_id, r.name, r.is_inactive
from json_populate_recordset(null::psa.contracts, $2::json) as r
on conflict (tenant_id, contract_id) do update
    set name = excluded.name, is_inactive = excluded.is_inactive, updated_at = now()
    where (t.name, t.is_inactive) is distinct from
          (excluded.name, excluded.is_inactive)

-- upsert_clients --
-- Insert or update clients. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.clients as t (tenant_id, client_id, name, client_type, is_inactive)
select $1, r.client_id, r.name, r.client_type, r.is_inactive
from json_populate_recordset(null::psa.clients, $2::json) as r
on conflict (tenant_id, client_id) do update
    set name = excluded.name, client_type = excluded.client_type, is_inactive = excluded.is_inactive, updated_at = now()
    where (t.name, t.client_type, t.is_inactive) is distinct from
          (excluded.name, excluded.client_type, excluded.is_inactive)

-- upsert_billing_profiles --
-- Insert or update billing profiles, those that are no default first: a client has one default at a time. One that the
-- document makes the default takes the place of one that it does not name. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
with wanted as materialized (
    select * from json_populate_recordset(null::psa.billing_profiles, $2::json)
), displaced as (
    update psa.billing_profiles t set is_default = false, updated_at = now()
    where t.tenant_id = $1 and t.is_default
      and t.client_id in (select client_id from wanted where is_default)
      and t.billing_profile_id not in (select billing_profile_id from wanted)
    returning t.billing_profile_id
)
insert into psa.billing_profiles as t (tenant_id, billing_profile_id, client_id, name, is_default)
select $1, r.billing_profile_id, r.client_id, r.name, r.is_default
from wanted as r
where (select count(*) from displaced) >= 0 -- which makes them step back before
order by r.is_default
on conflict (tenant_id, billing_profile_id) do update
    set client_id = excluded.client_id, name = excluded.name, is_default = excluded.is_default, updated_at = now()
    where (t.client_id, t.name, t.is_default) is distinct from
          (excluded.client_id, excluded.name, excluded.is_default)

-- insert_default_billing_profiles --
-- Give each client that has no default billing profile one.
-- $1 tenant_id
insert into psa.billing_profiles (tenant_id, billing_profile_id, client_id, is_default)
select c.tenant_id, gen_random_uuid(), c.client_id, true
from psa.clients c
where c.tenant_id = $1 and not exists (
    select from psa.billing_profiles p
    where p.tenant_id = c.tenant_id and p.client_id = c.client_id and p.is_default)

-- upsert_locations --
-- Insert or update locations. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.locations as t (tenant_id, location_id, client_id, name, address, city, zip, country, is_inactive,
    default_billing_profile_id)
select $1, r.location_id, r.client_id, r.name, r.address, r.city, r.zip, r.country, r.is_inactive,
       r.default_billing_profile_id
from json_populate_recordset(null::psa.locations, $2::json) as r
on conflict (tenant_id, location_id) do update
    set client_id = excluded.client_id, name = excluded.name, address = excluded.address, city = excluded.city, zip =
        excluded.zip, country = excluded.country, is_inactive = excluded.is_inactive, default_billing_profile_id =
        excluded.default_billing_profile_id, updated_at = now()
    where (t.client_id, t.name, t.address, t.city, t.zip, t.country, t.is_inactive, t.default_billing_profile_id)
          is distinct from
          (excluded.client_id, excluded.name, excluded.address, excluded.city, excluded.zip, excluded.country,
           excluded.is_inactive, excluded.default_billing_profile_id)

-- upsert_contacts --
-- Insert or update contacts. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.contacts as t (tenant_id, contact_id, client_id, full_name, email, phone, role, is_inactive)
select $1, r.contact_id, r.client_id, r.full_name, r.email, r.phone, r.role, r.is_inactive
from json_populate_recordset(null::psa.contacts, $2::json) as r
on conflict (tenant_id, contact_id) do update
    set client_id = excluded.client_id, full_name = excluded.full_name, email = excluded.email, phone = excluded.phone,
        role = excluded.role, is_inactive = excluded.is_inactive, updated_at = now()
    where (t.client_id, t.full_name, t.email, t.phone, t.role, t.is_inactive) is distinct from
          (excluded.client_id, excluded.full_name, excluded.email, excluded.phone, excluded.role, excluded.is_inactive)

-- upsert_boards --
-- Insert or update boards. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.boards as t (tenant_id, board_id, name, is_inactive)
select $1, r.board_id, r.name, r.is_inactive
from json_populate_recordset(null::psa.boards, $2::json) as r
on conflict (tenant_id, board_id) do update
    set name = excluded.name, is_inactive = excluded.is_inactive, updated_at = now()
    where (t.name, t.is_inactive) is distinct from
          (excluded.name, excluded.is_inactive)

-- upsert_ticket_statuses --
-- Insert or update ticket statuses, those that are no default first: a board has one default at a time.
-- What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.ticket_statuses as t (tenant_id, status_id, board_id, name, order_number, is_default, is_closed)
select $1, r.status_id, r.board_id, r.name, r.order_number, r.is_default, r.is_closed
from json_populate_recordset(null::psa.ticket_statuses, $2::json) as r order by r.is_default
on conflict (tenant_id, status_id) do update
    set board_id = excluded.board_id, name = excluded.name, order_number = excluded.order_number, is_default =
        excluded.is_default, is_closed = excluded.is_closed, updated_at = now()
    where (t.board_id, t.name, t.order_number, t.is_default, t.is_closed) is distinct from
          (excluded.board_id, excluded.name, excluded.order_number, excluded.is_default, excluded.is_closed)

-- upsert_priorities --
-- Insert or update priorities. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.priorities as t (tenant_id, priority_id, name, order_number)
select $1, r.priority_id, r.name, r.order_number
from json_populate_recordset(null::psa.priorities, $2::json) as r
on conflict (tenant_id, priority_id) do update
    set name = excluded.name, order_number = excluded.order_number, updated_at = now()
    where (t.name, t.order_number) is distinct from
          (excluded.name, excluded.order_number)

-- upsert_categories --
-- Insert or update categories. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.categories as t (tenant_id, category_id, parent_category_id, name)
select $1, r.category_id, r.parent_category_id, r.name
from json_populate_recordset(null::psa.categories, $2::json) as r
on conflict (tenant_id, category_id) do update
    set parent_category_id = excluded.parent_category_id, name = excluded.name, updated_at = now()
    where (t.parent_category_id, t.name) is distinct from
          (excluded.parent_category_id, excluded.name)

-- upsert_checklist_templates --
-- Insert or update checklist templates; tickets keep the items that they have. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.checklist_templates as t (tenant_id, checklist_template_id, name, board_id, category_id, priority_id,
    order_number, items, is_inactive)
select $1, r.checklist_template_id, r.name, r.board_id, r.category_id, r.priority_id, r.order_number, r.items,
       r.is_inactive
from json_populate_recordset(null::psa.checklist_templates, $2::json) as r
on conflict (tenant_id, checklist_template_id) do update
    set name = excluded.name, board_id = excluded.board_id, category_id = excluded.category_id, priority_id =
        excluded.priority_id, order_number = excluded.order_number, items = excluded.items, is_inactive =
        excluded.is_inactive, updated_at = now()
    where (t.name, t.board_id, t.category_id, t.priority_id, t.order_number, t.items, t.is_inactive) is distinct from
          (excluded.name, excluded.board_id, excluded.category_id, excluded.priority_id, excluded.order_number,
           excluded.items, excluded.is_inactive)

-- upsert_services --
-- Insert or update services. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.services as t (tenant_id, service_id, name, is_inactive)
select $1, r.service_id, r.name, r.is_inactive
from json_populate_recordset(null::psa.services, $2::json) as r
on conflict (tenant_id, service_id) do update
    set name = excluded.name, is_inactive = excluded.is_inactive, updated_at = now()
    where (t.name, t.is_inactive) is distinct from
          (excluded.name, excluded.is_inactive)

-- upsert_projects --
-- Insert or update projects. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.projects as t (tenant_id, project_id, client_id, name, is_inactive)
select $1, r.project_id, r.client_id, r.name, r.is_inactive
from json_populate_recordset(null::psa.projects, $2::json) as r
on conflict (tenant_id, project_id) do update
    set client_id = excluded.client_id, name = excluded.name, is_inactive = excluded.is_inactive, updated_at = now()
    where (t.client_id, t.name, t.is_inactive) is distinct from
          (excluded.client_id, excluded.name, excluded.is_inactive)

-- upsert_project_phases --
-- Insert or update project phases. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.project_phases as t (tenant_id, phase_id, project_id, name, wbs_code)
select $1, r.phase_id, r.project_id, r.name, r.wbs_code
from json_populate_recordset(null::psa.project_phases, $2::json) as r
on conflict (tenant_id, phase_id) do update
    set project_id = excluded.project_id, name = excluded.name, wbs_code = excluded.wbs_code, updated_at = now()
    where (t.project_id, t.name, t.wbs_code) is distinct from
          (excluded.project_id, excluded.name, excluded.wbs_code)

-- upsert_project_status_mappings --
-- Insert or update project status mappings. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.project_status_mappings as t (tenant_id, project_status_mapping_id, project_id, phase_id, name,
    order_number, is_closed)
select $1, r.project_status_mapping_id, r.project_id, r.phase_id, r.name, r.order_number, r.is_closed
from json_populate_recordset(null::psa.project_status_mappings, $2::json) as r
on conflict (tenant_id, project_status_mapping_id) do update
    set project_id = excluded.project_id, phase_id = excluded.phase_id, name = excluded.name, order_number =
        excluded.order_number, is_closed = excluded.is_closed, updated_at = now()
    where (t.project_id, t.phase_id, t.name, t.order_number, t.is_closed) is distinct from
          (excluded.project_id, excluded.phase_id, excluded.name, excluded.order_number, excluded.is_closed)

-- upsert_non_billable_categories --
-- Insert or update non billable categories. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.non_billable_categories as t (tenant_id, category_id, name)
select $1, r.category_id, r.name
from json_populate_recordset(null::psa.non_billable_categories, $2::json) as r
on conflict (tenant_id, category_id) do update
    set name = excluded.name, updated_at = now()
    where (t.name) is distinct from
          (excluded.name)

-- upsert_interactions --
-- Insert or update interactions. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.interactions as t (tenant_id, interaction_id, client_id, contact_id, title)
select $1, r.interaction_id, r.client_id, r.contact_id, r.title
from json_populate_recordset(null::psa.interactions, $2::json) as r
on conflict (tenant_id, interaction_id) do update
    set client_id = excluded.client_id, contact_id = excluded.contact_id, title = excluded.title, updated_at = now()
    where (t.client_id, t.contact_id, t.title) is distinct from
          (excluded.client_id, excluded.contact_id, excluded.title)

-- upsert_time_periods --
-- Insert or update time periods. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.time_periods as t (tenant_id, period_id, start_date, end_date)
select $1, r.period_id, r.start_date, r.end_date
from json_populate_recordset(null::psa.time_periods, $2::json) as r
on conflict (tenant_id, period_id) do update
    set start_date = excluded.start_date, end_date = excluded.end_date, updated_at = now()
    where (t.start_date, t.end_date) is distinct from
          (excluded.start_date, excluded.end_date)

-- upsert_invoices --
-- Insert invoices, or update them but for their status, which deliveries change, and for a replenishment that has been
-- settled. What is as wanted is not written.
-- $1 tenant_id, $2 rows as a JSON array
insert into psa.invoices as t (tenant_id, invoice_id, client_id, invoice_number, currency_code, total_amount,
    due_date, status, replenishment_amount)
select $1, r.invoice_id, r.client_id, r.invoice_number, r.currency_code, r.total_amount, r.due_date, r.status,
       r.replenishment_amount
from json_populate_recordset(null::psa.invoices, $2::json) as r
on conflict (tenant_id, invoice_id) do update
    set client_id = excluded.client_id, invoice_number = excluded.invoice_number, currency_code =
        excluded.currency_code, total_amount = excluded.total_amount, due_date = excluded.due_date,
        replenishment_amount = case when t.replenishment_settled_at is null
            then excluded.replenishment_amount else t.replenishment_amount end, updated_at = now()
    where (t.client_id, t.invoice_number, t.currency_code, t.total_amount, t.due_date, t.replenishment_amount)
          is distinct from
          (excluded.client_id, excluded.invoice_number, excluded.currency_code, excluded.total_amount,
           excluded.due_date, case when t.replenishment_settled_at is null
               then excluded.replenishment_amount else t.replenishment_amount end)
