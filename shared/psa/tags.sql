-- attach --
-- Make a tag where there is none of its text, attach it to an entity that does not have it, and tell of that. Both
-- conflict clauses change nothing; they are there to wait for others and to return the row that is there.
-- $1 tenant_id, $2 entity_type, $3 entity_id, $4 tag_id, $5 tag_mapping_id, $6 tag_text, $7 background_color,
-- $8 text_color, $9 created_by, $10 delivery_id
with tag as (
    insert into psa.tags as t (tenant_id, tag_id, entity_type, tag_text, background_color, text_color)
    values ($1, $4, $2, $6, $7, $8)
    on conflict (tenant_id, entity_type, lower(tag_text)) do update set tag_text = t.tag_text
    returning tag_id, tag_text
), attached as (
    insert into psa.tag_mappings as m (tenant_id, tag_mapping_id, tag_id, entity_type, entity_id, created_by)
    select $1, $5, tag.tag_id, $2, $3, $9::uuid from tag
    on conflict (tenant_id, entity_id, tag_id) do update set created_by = m.created_by
    returning tag_mapping_id, xmax = 0 as created
), told as (
    insert into psa.events (tenant_id, entity_type, entity_id, event_name, changes, delivery_id)
    select $1, $2, $3, $2 || '.tagged',
           json_build_object('tag_id', tag.tag_id, 'tag_mapping_id', attached.tag_mapping_id, 'tag_text', tag.tag_text),
           $10
    from tag, attached
    where attached.created
)
select tag.tag_id, tag.tag_text, attached.tag_mapping_id, attached.created from tag, attached
