-- lock --
-- A client, locked against others that change it.
-- $1 tenant_id, $2 client_id
select name, client_type, url, phone_no, email, address, address_2, city, state, zip, country, default_currency_code,
       notes, is_inactive, properties
from psa.clients
where tenant_id = $1 and client_id = $2
for no key update

-- insert --
-- Insert a client and tell of it.
-- $1 tenant_id, $2 client_id, $3 values as JSON text, $4 event_name, $5 changes as JSON text, $6 delivery_id
with inserted as (
    insert into psa.clients (
        tenant_id, client_id, name, client_type, url, phone_no, email, address, address_2, city, state, zip, country,
        default_currency_code, notes, is_inactive, properties)
    select $1, $2, n.name, n.client_type, n.url, n.phone_no, n.email, n.address, n.address_2, n.city, n.state, n.zip,
           n.country, n.default_currency_code, n.notes, n.is_inactive, n.properties
    from json_populate_record(null::psa.clients, $3::json) as n
)
insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
values ($1, 'client', $2, $4, $5, $6)

-- update --
-- Change the named columns of a client and tell of them.
-- $1 tenant_id, $2 client_id, $3 changes as JSON text, $4 event_name, $5 told changes as JSON text, $6 delivery_id
with updated as (
    update psa.clients t
    set (name, client_type, url, phone_no, email, address, address_2, city, state, zip, country,
         default_currency_code, notes, is_inactive, properties, updated_at) = (
        select n.name, n.client_type, n.url, n.phone_no, n.email, n.address, n.address_2, n.city, n.state, n.zip,
               n.country, n.default_currency_code, n.notes, n.is_inactive, n.properties, now()
        from json_populate_record(t, $3::json) as n)
    where tenant_id = $1 and client_id = $2
)
insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
values ($1, 'client', $2, $4, $5, $6)
