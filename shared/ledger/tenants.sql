-- insert --
-- A tenant; nothing happens when the slug is taken.
-- $1 tenant_id, $2 slug, $3 name
insert into postern.tenants (tenant_id, slug, name) values ($1, $2, $3)
on conflict (slug) do nothing

-- find_by_slug --
-- $1 slug
select tenant_id, slug, name, is_active, created_at, updated_at from postern.tenants where slug = $1

-- find --
-- $1 tenant_id
select tenant_id, slug, name, is_active, created_at, updated_at from postern.tenants where tenant_id = $1

-- lock --
-- One tenant, held until the transaction ends.
-- $1 tenant_id
select tenant_id, slug, name, is_active, created_at, updated_at from postern.tenants where tenant_id = $1
for update

-- list_page --
-- Tenants, newest first.
-- $1 tenant_id to continue after, or null, $2 limit, $3 slug, or null
select tenant_id, slug, name, is_active, created_at, updated_at from postern.tenants
where ($1::uuid is null or tenant_id < $1) and ($3::text is null or slug = $3)
order by tenant_id desc
limit $2

-- update --
-- Gateways learn of a tenant switched on or off by a trigger.
-- $1 tenant_id, $2 name, $3 is_active
update postern.tenants set name = $2, is_active = $3, updated_at = now()
where tenant_id = $1
