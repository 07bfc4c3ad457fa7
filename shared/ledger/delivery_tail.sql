-- now --
-- Which transactions have ended, and when that was, in ms.
select pg_current_snapshot()::text as snapshot, (extract(epoch from clock_timestamp()) * 1000)::bigint as at_ms

-- list_changed --
-- Deliveries after an id, in the order of ids, that stand as a transaction wrote them which had not ended by one moment
-- and had by another. A row knows the lower 32 bits of its writer's number; none that counts is older than the first
-- moment's oldest, so that what is added up from there is the number, or that of no transaction yet.
-- $1 tenant_id, $2 webhook_id or null, $3 delivery_id, $4 and $5 snapshots of the two moments, $6 limit
select written.delivery_id
from (
    select d.delivery_id,
           oldest.number + ((d.xmin::text::bigint - oldest.number) & 4294967295) as written_by
    from postern.deliveries d
    cross join (select pg_snapshot_xmin($4::text::pg_snapshot)::text::bigint as number offset 0) oldest
    where d.tenant_id = $1 and d.delivery_id > $3 and ($2::uuid is null or d.webhook_id = $2)) written
where written.written_by < pg_snapshot_xmax($5::text::pg_snapshot)::text::bigint
  and pg_visible_in_snapshot(written.written_by::text::xid8, $5::text::pg_snapshot)
  and not pg_visible_in_snapshot(written.written_by::text::xid8, $4::text::pg_snapshot)
order by written.delivery_id
limit $6
