-- depends: 0009.lookups 0015.named_samples

-- PostgreSQL 18 ends with a segmentation fault when a statement prunes partitions while it runs and also meets a row
-- that changed after it began: rechecking that row initialises every subplan again, and leaves the pruning of the
-- statement itself with memory that the recheck frees. Statements that lock or change rows and join deliveries by what
-- other tables say are therefore functions that plan without pruning: they look into each day's index instead.

create function postern.requeue_lost(
    in_after uuid, in_untouched_seconds double precision, in_limit integer,
    out last_id uuid, out examined_count bigint, out queued_count bigint)
language plpgsql
set enable_partition_pruning = off
as $$
begin
    with examined as materialized (
        select d.tenant_id, d.delivery_id
        from postern.deliveries d
        where d.dispatch_status = 'pending' and d.delivery_id > in_after
            and d.delivery_id < postern.uuid7_floor(now() - make_interval(secs => in_untouched_seconds))
        order by d.delivery_id
        limit in_limit
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
                    < now() - make_interval(secs => in_untouched_seconds)
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
    select (select e.delivery_id from examined e order by e.delivery_id desc limit 1),
           (select count(*) from examined),
           (select count(*) from queued)
    into last_id, examined_count, queued_count;
end
$$;

create function postern.capture_armed_samples(in_tenant_id uuid, in_webhook_id uuid) returns void
language plpgsql
set enable_partition_pruning = off
as $$
begin
    with armed as materialized (
        select tenant_id, webhook_id, sample_armed_at, sample_expires_at, sample_name
        from postern.webhooks
        where sample_armed_at is not null and deleted_at is null
          and (in_tenant_id is null or tenant_id = in_tenant_id) and (in_webhook_id is null or webhook_id = in_webhook_id)
        for update skip locked
    ), captured as (
        insert into postern.webhook_samples
            (tenant_id, webhook_id, sample_id, delivery_id, headers, body, captured_at, name)
        select a.tenant_id, a.webhook_id, gen_random_uuid(), d.delivery_id, d.request_headers,
               coalesce(d.request_body, ''), d.received_at, a.sample_name
        from armed a
        cross join lateral (
            select d.delivery_id, d.request_headers, d.request_body, d.received_at
            from postern.deliveries d
            where d.tenant_id = a.tenant_id and d.webhook_id = a.webhook_id
              and d.delivery_id >= postern.uuid7_floor(a.sample_armed_at - interval '1 minute')
              and d.received_at between a.sample_armed_at and a.sample_expires_at
              and d.auth_status = 'verified' and d.dispatch_status <> 'duplicate' and d.response_status = 200
              and not d.is_test and not d.is_replay
            order by d.delivery_id
            limit 1) d
        on conflict (tenant_id, webhook_id, coalesce(name, '')) do update
            set sample_id = excluded.sample_id, delivery_id = excluded.delivery_id, headers = excluded.headers,
                body = excluded.body, captured_at = excluded.captured_at
        returning tenant_id, webhook_id
    )
    update postern.webhooks w set sample_armed_at = null, sample_expires_at = null, sample_name = null
    from armed a
    left join captured c on c.tenant_id = a.tenant_id and c.webhook_id = a.webhook_id
    where w.tenant_id = a.tenant_id and w.webhook_id = a.webhook_id
      and (c.webhook_id is not null or a.sample_expires_at < now() - interval '1 minute');
end
$$;
