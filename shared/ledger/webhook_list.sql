-- list_by_name --
-- Ids in the order of name, whatever its case, the first first.
-- $1 tenant_id, $2 name and $3 webhook_id to continue after, $4 limit, $5 part of the name, $6 slug, $7 auth_type,
-- $8 handler_type, $9 action, $10 workflow, $11 is_active; each but $1 and $4 may be null
select w.webhook_id from postern.webhooks w
where w.tenant_id = $1 and w.deleted_at is null
  and (w.name_key, w.webhook_id) > (coalesce(lower($2::text), ''), coalesce($3::uuid, '00000000-0000-0000-0000-000000000000'))
  and ($5::text is null or strpos(w.name_key, lower($5)) > 0)
  and ($6::text is null or w.slug = $6)
  and ($7::text is null or w.auth_type = $7)
  and ($8::text is null or w.handler_type = $8)
  and ($9::text is null or (w.handler_type = 'direct_action' and w.handler_config ->> 'action' = $9))
  and ($10::text is null or (w.handler_type = 'workflow' and w.handler_config ->> 'workflow' = $10))
  and ($11::boolean is null or w.is_active = $11)
order by w.name_key, w.webhook_id
limit $4

-- list_by_name_descending --
-- Ids in the order of name, whatever its case, the last first.
-- $1 tenant_id, $2 name and $3 webhook_id to continue after, $4 limit, $5 part of the name, $6 slug, $7 auth_type,
-- $8 handler_type, $9 action, $10 workflow, $11 is_active; each but $1 and $4 may be null
select w.webhook_id from postern.webhooks w
where w.tenant_id = $1 and w.deleted_at is null
  and (w.name_key, w.webhook_id) < (coalesce(lower($2::text), repeat(chr(1114111), 256)), coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
  and ($5::text is null or strpos(w.name_key, lower($5)) > 0)
  and ($6::text is null or w.slug = $6)
  and ($7::text is null or w.auth_type = $7)
  and ($8::text is null or w.handler_type = $8)
  and ($9::text is null or (w.handler_type = 'direct_action' and w.handler_config ->> 'action' = $9))
  and ($10::text is null or (w.handler_type = 'workflow' and w.handler_config ->> 'workflow' = $10))
  and ($11::boolean is null or w.is_active = $11)
order by w.name_key desc, w.webhook_id desc
limit $4

-- list_by_created --
-- Ids in the order of the time of creation, the first first.
-- $1 tenant_id, $2 time and $3 webhook_id to continue after, $4 limit, $5 part of the name, $6 slug, $7 auth_type,
-- $8 handler_type, $9 action, $10 workflow, $11 is_active; each but $1 and $4 may be null
select w.webhook_id from postern.webhooks w
where w.tenant_id = $1 and w.deleted_at is null
  and (w.created_at, w.webhook_id) > (coalesce($2::timestamptz, '-infinity'), coalesce($3::uuid, '00000000-0000-0000-0000-000000000000'))
  and ($5::text is null or strpos(w.name_key, lower($5)) > 0)
  and ($6::text is null or w.slug = $6)
  and ($7::text is null or w.auth_type = $7)
  and ($8::text is null or w.handler_type = $8)
  and ($9::text is null or (w.handler_type = 'direct_action' and w.handler_config ->> 'action' = $9))
  and ($10::text is null or (w.handler_type = 'workflow' and w.handler_config ->> 'workflow' = $10))
  and ($11::boolean is null or w.is_active = $11)
order by w.created_at, w.webhook_id
limit $4

-- list_by_created_descending --
-- Ids in the order of the time of creation, the last first.
-- $1 tenant_id, $2 time and $3 webhook_id to continue after, $4 limit, $5 part of the name, $6 slug, $7 auth_type,
-- $8 handler_type, $9 action, $10 workflow, $11 is_active; each but $1 and $4 may be null
select w.webhook_id from postern.webhooks w
where w.tenant_id = $1 and w.deleted_at is null
  and (w.created_at, w.webhook_id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
  and ($5::text is null or strpos(w.name_key, lower($5)) > 0)
  and ($6::text is null or w.slug = $6)
  and ($7::text is null or w.auth_type = $7)
  and ($8::text is null or w.handler_type = $8)
  and ($9::text is null or (w.handler_type = 'direct_action' and w.handler_config ->> 'action' = $9))
  and ($10::text is null or (w.handler_type = 'workflow' and w.handler_config ->> 'workflow' = $10))
  and ($11::boolean is null or w.is_active = $11)
order by w.created_at desc, w.webhook_id desc
limit $4

-- list_by_updated --
-- Ids in the order of the time of the last change, the first first.
-- $1 tenant_id, $2 time and $3 webhook_id to continue after, $4 limit, $5 part of the name, $6 slug, $7 auth_type,
-- $8 handler_type, $9 action, $10 workflow, $11 is_active; each but $1 and $4 may be null
select w.webhook_id from postern.webhooks w
where w.tenant_id = $1 and w.deleted_at is null
  and (w.updated_at, w.webhook_id) > (coalesce($2::timestamptz, '-infinity'), coalesce($3::uuid, '00000000-0000-0000-0000-000000000000'))
  and ($5::text is null or strpos(w.name_key, lower($5)) > 0)
  and ($6::text is null or w.slug = $6)
  and ($7::text is null or w.auth_type = $7)
  and ($8::text is null or w.handler_type = $8)
  and ($9::text is null or (w.handler_type = 'direct_action' and w.handler_config ->> 'action' = $9))
  and ($10::text is null or (w.handler_type = 'workflow' and w.handler_config ->> 'workflow' = $10))
  and ($11::boolean is null or w.is_active = $11)
order by w.updated_at, w.webhook_id
limit $4

-- list_by_updated_descending --
-- Ids in the order of the time of the last change, the last first.
-- $1 tenant_id, $2 time and $3 webhook_id to continue after, $4 limit, $5 part of the name, $6 slug, $7 auth_type,
-- $8 handler_type, $9 action, $10 workflow, $11 is_active; each but $1 and $4 may be null
select w.webhook_id from postern.webhooks w
where w.tenant_id = $1 and w.deleted_at is null
  and (w.updated_at, w.webhook_id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
  and ($5::text is null or strpos(w.name_key, lower($5)) > 0)
  and ($6::text is null or w.slug = $6)
  and ($7::text is null or w.auth_type = $7)
  and ($8::text is null or w.handler_type = $8)
  and ($9::text is null or (w.handler_type = 'direct_action' and w.handler_config ->> 'action' = $9))
  and ($10::text is null or (w.handler_type = 'workflow' and w.handler_config ->> 'workflow' = $10))
  and ($11::boolean is null or w.is_active = $11)
order by w.updated_at desc, w.webhook_id desc
limit $4
