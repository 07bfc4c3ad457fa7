-- lock --
-- An invoice, locked against others that change it.
-- $1 tenant_id, $2 invoice_id
select invoice_number, status, paid_at, payment_reference, custom_fields, replenishment_amount,
       replenishment_settled_at
from psa.invoices
where tenant_id = $1 and invoice_id = $2
for no key update

-- update --
-- Change the named columns of an invoice and tell of them. Where that settles its replenishment, the client's prepaid
-- balance grows by it; one that is settled already adds nothing. The invoice is locked by the caller.
-- $1 tenant_id, $2 invoice_id, $3 changes as JSON text, $4 event_name, $5 told changes as JSON text, $6 delivery_id
with unsettled as (
    select client_id, currency_code, replenishment_amount from psa.invoices
    where tenant_id = $1 and invoice_id = $2 and replenishment_settled_at is null and replenishment_amount is not null
), updated as (
    update psa.invoices t
    set (status, paid_at, payment_reference, custom_fields, replenishment_settled_at, updated_at) = (
        select n.status, n.paid_at, n.payment_reference, n.custom_fields, n.replenishment_settled_at, now()
        from json_populate_record(t, $3::json) as n)
    where tenant_id = $1 and invoice_id = $2
    returning replenishment_settled_at
), settled as (
    insert into psa.prepaid_balances as balance (tenant_id, client_id, currency_code, amount)
    select $1, unsettled.client_id, unsettled.currency_code, unsettled.replenishment_amount
    from unsettled, updated
    where updated.replenishment_settled_at is not null
    on conflict (tenant_id, client_id, currency_code) do update
        set amount = balance.amount + excluded.amount, updated_at = now()
)
insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
values ($1, 'invoice', $2, $4, $5, $6)
