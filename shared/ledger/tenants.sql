-- insert --
-- A tenant; nothing happens when the slug is taken.
-- $1 tenant_id, $2 slug, $3 name
insert into postern.tenants (tenant_id, slug, name) values ($1, $2, $3)
on conflict (slug) do nothing

-- find_by_slug --
-- $1 slug
select tenant_id, slug, name, is_active from postern.tenants where slug = $1
