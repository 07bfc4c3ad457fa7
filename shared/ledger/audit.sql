-- insert --
-- $1 tenant_id, $2 event_id, $3 actor, $4 action, $5 target, $6 details, $7 request_id, $8 changes
insert into postern.audit_events (tenant_id, event_id, actor, action, target, details, request_id, changes)
values ($1, $2, $3, $4, $5, $6, $7, $8)

-- list_page --
-- Events, newest first.
-- $1 tenant_id, $2 event_id to continue after, $3 limit, $4 actor, $5 action, $6 target, $7 what stands
-- before the colon of a target, $8 what stands after it, $9 request_id, $10 occurred from, $11 occurred to; each but $1 and $3 may be null
select event_id, occurred_at, actor, action, target, request_id, details, changes
from postern.audit_events
where tenant_id = $1
  and ($2::uuid is null or event_id < $2)
  and ($4::text is null or actor = $4)
  and ($5::text is null or action = $5)
  and ($6::text is null or target = $6)
  and ($7::text is null or split_part(target, ':', 1) = $7)
  and ($8::text is null or substr(target, strpos(target, ':') + 1) = $8)
  and ($9::text is null or request_id = $9)
  -- The id's time only bounds the search; a clock may have stood a little otherwise.
  and ($10::timestamptz is null
       or (occurred_at >= $10 and event_id >= postern.uuid7_floor($10 - interval '1 hour')))
  and ($11::timestamptz is null
       or (occurred_at <= $11 and event_id < postern.uuid7_floor($11 + interval '1 hour')))
order by event_id desc
limit $3
