-- lock --
-- A contact, locked against others that change it.
-- $1 tenant_id, $2 contact_id
select client_id, full_name, email, phone, role, notes, is_inactive
from psa.contacts
where tenant_id = $1 and contact_id = $2
for no key update

-- insert --
-- Insert a contact and tell of it.
-- $1 tenant_id, $2 contact_id, $3 values as JSON text, $4 event_name, $5 changes as JSON text, $6 delivery_id
with inserted as (
    insert into psa.contacts (
        tenant_id, contact_id, client_id, full_name, email, phone, role, notes, is_inactive)
    select $1, $2, n.client_id, n.full_name, n.email, n.phone, n.role, n.notes, n.is_inactive
    from json_populate_record(null::psa.contacts, $3::json) as n
)
insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
values ($1, 'contact', $2, $4, $5, $6)

-- update --
-- Change the named columns of a contact and tell of them.
-- $1 tenant_id, $2 contact_id, $3 changes as JSON text, $4 event_name, $5 told changes as JSON text, $6 delivery_id
with updated as (
    update psa.contacts t
    set (client_id, full_name, email, phone, role, notes, is_inactive, updated_at) = (
        select n.client_id, n.full_name, n.email, n.phone, n.role, n.notes, n.is_inactive, now()
        from json_populate_record(t, $3::json) as n)
    where tenant_id = $1 and contact_id = $2
)
insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
values ($1, 'contact', $2, $4, $5, $6)
