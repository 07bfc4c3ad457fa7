-- lock --
-- A ticket, locked against others that change it.
-- $1 tenant_id, $2 ticket_id
select title, description, client_id, board_id, status_id, priority_id, assigned_to, assigned_team_id, category_id,
       subcategory_id, contact_id, location_id, billing_profile_id, due_date, attributes, ticket_number
from psa.tickets
where tenant_id = $1 and ticket_id = $2
for no key update

-- find_placement --
-- Where a ticket's status, location and subcategory belong, and what a new one there starts with: the status that its
-- board begins with, its location's billing profile, and the checklists that match it.
-- $1 tenant_id, $2 board_id, $3 status_id, $4 location_id, $5 subcategory_id, $6 category_id, $7 priority_id; each may be
-- null
select
    (select board_id from psa.ticket_statuses where tenant_id = $1 and status_id = $3) as status_board_id,
    (select status_id from psa.ticket_statuses where tenant_id = $1 and board_id = $2
     order by is_default desc, order_number, status_id limit 1) as default_status_id,
    (select client_id from psa.locations where tenant_id = $1 and location_id = $4) as location_client_id,
    (select parent_category_id from psa.categories where tenant_id = $1 and category_id = $5) as parent_category_id,
    (select default_billing_profile_id from psa.locations where tenant_id = $1 and location_id = $4)
        as billing_profile_id,
    array(
        select checklist_template_id from psa.checklist_templates
        where tenant_id = $1 and not is_inactive
          and (board_id is null or board_id = $2)
          and (category_id is null or category_id in ($5, $6))
          and (priority_id is null or priority_id = $7)
        order by order_number, name) as checklist_template_ids

-- insert --
-- Insert a ticket under the tenant's next number, with the asset that it is about and the items of its checklists, and
-- tell of it. The number's row stays locked until the end of the transaction, so that a failure leaves no gap; that is
-- why it is taken last.
-- $1 tenant_id, $2 ticket_id, $3 values as JSON text, $4 event_name, $5 changes as JSON text, $6 delivery_id
with numbered as (
    insert into psa.tenant_settings as settings (tenant_id, last_ticket_number) values ($1, 1)
    on conflict (tenant_id) do update set last_ticket_number = settings.last_ticket_number + 1
    returning ticket_prefix || last_ticket_number as ticket_number
), inserted as (
    insert into psa.tickets (
        tenant_id, ticket_id, ticket_number, title, description, client_id, board_id, status_id, priority_id,
        assigned_to, assigned_team_id, category_id, subcategory_id, contact_id, location_id, billing_profile_id,
        due_date, attributes)
    select $1, $2, numbered.ticket_number, t.title, t.description, t.client_id, t.board_id, t.status_id, t.priority_id,
           t.assigned_to, t.assigned_team_id, t.category_id, t.subcategory_id, t.contact_id, t.location_id,
           t.billing_profile_id, t.due_date, t.attributes
    from numbered, json_populate_record(null::psa.tickets, $3::json) as t
), associated as (
    insert into psa.asset_associations (tenant_id, asset_id, ticket_id)
    select $1, a.asset_id, $2
    from json_populate_record(null::psa.asset_associations, $3::json) as a
    where a.asset_id is not null
), listed as (
    insert into psa.ticket_checklist_items (
        tenant_id, checklist_item_id, ticket_id, checklist_template_id, order_number, item_text)
    select $1, gen_random_uuid(), $2, c.checklist_template_id,
           row_number() over (order by wanted.position, item.position), item.item_text
    from json_array_elements_text($3::json -> 'checklist_template_ids')
        with ordinality as wanted (checklist_template_id, position)
    join psa.checklist_templates c
        on c.tenant_id = $1 and c.checklist_template_id = wanted.checklist_template_id::uuid
    cross join lateral unnest(c.items) with ordinality as item (item_text, position)
), told as (
    insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
    values ($1, 'ticket', $2, $4, $5, $6)
)
select ticket_number from numbered

-- update --
-- Change the named columns of a ticket and tell of them.
-- $1 tenant_id, $2 ticket_id, $3 changes as JSON text, $4 event_name, $5 told changes as JSON text, $6 delivery_id
with updated as (
    update psa.tickets t
    set (title, description, client_id, board_id, status_id, priority_id, assigned_to, assigned_team_id, category_id,
         subcategory_id, contact_id, location_id, billing_profile_id, due_date, attributes, updated_at) = (
        select n.title, n.description, n.client_id, n.board_id, n.status_id, n.priority_id, n.assigned_to,
               n.assigned_team_id, n.category_id, n.subcategory_id, n.contact_id, n.location_id, n.billing_profile_id,
               n.due_date, n.attributes, now()
        from json_populate_record(t, $3::json) as n)
    where tenant_id = $1 and ticket_id = $2
)
insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
values ($1, 'ticket', $2, $4, $5, $6)

-- insert_comment --
-- Add a comment in a thread of its own and tell of it. Where a contact wrote it for all to read, the ticket waits for
-- an answer, unless the tenant does not track that.
-- $1 tenant_id, $2 ticket_id, $3 comment as JSON text, $4 event_name, $5 changes as JSON text, $6 delivery_id
with comment as materialized (
    select * from json_populate_record(null::psa.comments, $3::json)
), threaded as (
    insert into psa.comment_threads (tenant_id, thread_id, ticket_id) select $1, thread_id, $2 from comment
), commented as (
    insert into psa.comments (
        tenant_id, comment_id, thread_id, ticket_id, content, is_internal, is_resolution, author_type, author_id,
        contact_id, metadata)
    select $1, comment_id, thread_id, $2, content, is_internal, is_resolution, author_type, author_id, contact_id,
           metadata
    from comment
), awaiting as (
    update psa.tickets t set response_state = 'awaiting_internal', updated_at = now()
    from comment
    where t.tenant_id = $1 and t.ticket_id = $2 and comment.author_type = 'contact' and not comment.is_internal
      and coalesce((select tracks_responses from psa.tenant_settings where tenant_id = $1), true)
)
insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
values ($1, 'ticket', $2, $4, $5, $6)
