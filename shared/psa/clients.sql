-- lock --
-- A client, locked against others that change it.
-- $1 tenant_id, $2 client_id
select name, client_type, url, phone_no, email, address, address_2, city, state, zip, country, default_currency_code,
       notes, is_inactive, properties
from psa.clients
where tenant_id = $1 and client_id = $2
for no key update

-- find_billing_defaults --
-- What a new client's billing starts with, as the tenant's settings have it.
-- $1 tenant_id
select c.contract_id, s.default_tax_region as tax_region,
       coalesce(s.default_is_tax_exempt, false) as is_tax_exempt,
       coalesce(s.default_is_reverse_charge, false) as is_reverse_charge
from (select $1::uuid as tenant_id) t
left join psa.tenant_settings s on s.tenant_id = t.tenant_id
left join psa.contracts c
    on c.tenant_id = s.tenant_id and c.contract_id = s.default_contract_id and not c.is_inactive

-- insert --
-- Insert a client with its default billing profile, its tax settings and its contract, if any, and tell of it.
-- $1 tenant_id, $2 client_id, $3 values as JSON text, $4 event_name, $5 changes as JSON text, $6 delivery_id
with inserted as (
    insert into psa.clients (
        tenant_id, client_id, name, client_type, url, phone_no, email, address, address_2, city, state, zip, country,
        default_currency_code, notes, is_inactive, properties)
    select $1, $2, n.name, n.client_type, n.url, n.phone_no, n.email, n.address, n.address_2, n.city, n.state, n.zip,
           n.country, n.default_currency_code, n.notes, n.is_inactive, n.properties
    from json_populate_record(null::psa.clients, $3::json) as n
), profiled as (
    insert into psa.billing_profiles (tenant_id, billing_profile_id, client_id, is_default)
    select $1, p.billing_profile_id, $2, true from json_populate_record(null::psa.billing_profiles, $3::json) as p
), taxed as (
    insert into psa.client_tax_settings (tenant_id, client_id, tax_region, is_tax_exempt, is_reverse_charge)
    select $1, $2, s.tax_region, s.is_tax_exempt, s.is_reverse_charge
    from json_populate_record(null::psa.client_tax_settings, $3::json) as s
), contracted as (
    insert into psa.client_contracts (tenant_id, client_id, contract_id)
    select $1, $2, c.contract_id
    from json_populate_record(null::psa.client_contracts, $3::json) as c
    where c.contract_id is not null
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
