-- due_seconds --
-- For how long the first due outbox row has been waiting; nothing where none is due.
select extract(epoch from now() - o.available_at)::double precision
from postern.outbox o
where o.available_at <= now()
order by o.available_at
limit 1

-- requeue_lost --
-- Look at a batch of unfinished deliveries, oldest first, and queue again those that wait nowhere: without an outbox
-- row, and untouched since before the queue last was empty of what was sent until then. One whose turn in its order
-- has not come is not lost, and one that was parked counts from its turn; one that a worker is just handling is passed over. What is queued counts as touched, so
-- that it is not queued again at once. Returns the last id looked at, how many were, and how many were queued.
-- $1 look after this delivery_id, $2 seconds since the latest touch that may be lost, $3 most to look at
with examined as materialized (
    select d.tenant_id, d.delivery_id
    from postern.deliveries d
    where d.dispatch_status = 'pending' and d.delivery_id > $1::uuid
      and d.delivery_id < postern.uuid7_floor(now() - make_interval(secs => $2::double precision))
    order by d.delivery_id
    limit $3::integer
), waiting_nowhere as materialized (
    select e.tenant_id, e.delivery_id, n.turn_at
    from examined e
    left join postern.ordered_deliveries n on n.tenant_id = e.tenant_id and n.delivery_id = e.delivery_id
    where not exists (select from postern.outbox o
                      where o.tenant_id = e.tenant_id and o.delivery_id = e.delivery_id)
      and n.is_parked is not true
), lost as materialized (
    select l.tenant_id, l.delivery_id, l.retry_count, l.ordering_key
    from waiting_nowhere w
    cross join lateral (
        select d.tenant_id, d.delivery_id, d.retry_count, d.ordering_key
        from postern.deliveries d
        where d.tenant_id = w.tenant_id and d.delivery_id = w.delivery_id and d.dispatch_status = 'pending'
          and greatest(coalesce(d.next_attempt_at, d.received_at), w.turn_at)
              < now() - make_interval(secs => $2::double precision)
        for update skip locked) l
), touched as (
    update postern.deliveries d
    set next_attempt_at = now()
    from lost
    where d.tenant_id = lost.tenant_id and d.delivery_id = lost.delivery_id
), queued as (
    insert into postern.outbox (tenant_id, delivery_id, available_at, ordering_key, attempt, ticket)
    select tenant_id, delivery_id, now(), ordering_key, retry_count, nextval('postern.outbox_ticket')
    from lost
    order by tenant_id, delivery_id
    on conflict do nothing
    returning 1
)
select (select delivery_id from examined order by delivery_id desc limit 1) as last_id,
       (select count(*) from examined) as examined_count,
       (select count(*) from queued) as queued_count
