-- lock --
-- An invoice, locked against others that change it.
-- $1 tenant_id, $2 invoice_id
select invoice_number, status, paid_at, payment_reference, custom_fields
from psa.invoices
where tenant_id = $1 and invoice_id = $2
for no key update

-- update --
-- Change the named columns of an invoice and tell of them.
-- $1 tenant_id, $2 invoice_id, $3 changes as JSON text, $4 event_name, $5 told changes as JSON text, $6 delivery_id
with updated as (
    update psa.invoices t
    set (status, paid_at, payment_reference, custom_fields, updated_at) = (
        select n.status, n.paid_at, n.payment_reference, n.custom_fields, now()
        from json_populate_record(t, $3::json) as n)
    where tenant_id = $1 and invoice_id = $2
)
insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
values ($1, 'invoice', $2, $4, $5, $6)
