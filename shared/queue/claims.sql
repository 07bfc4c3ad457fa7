-- claim_due --
-- Lease due rows, oldest first. Rows that another consumer is just now claiming are passed over; a row with an ordering
-- key is due only while it is the first of its key. A lease lost in a crash of the server is no harm, so that the
-- commit need not wait for the disk.
-- $1 limit, $2 lease_seconds
with due as materialized (
    select o.tenant_id, o.delivery_id
    from postern.outbox o
    where o.available_at <= now()
      and (o.ordering_key is null or o.delivery_id = (
          select head.delivery_id
          from postern.outbox head
          where head.tenant_id = o.tenant_id and head.ordering_key = o.ordering_key
          order by head.delivery_id
          limit 1))
    order by o.available_at
    limit $1::integer
    for update of o skip locked
), unflushed as materialized (
    select set_config('synchronous_commit', 'off', true)
)
update postern.outbox o
set available_at = now() + make_interval(secs => $2::double precision)
from due cross join unflushed
where o.tenant_id = due.tenant_id and o.delivery_id = due.delivery_id
returning o.tenant_id, o.delivery_id, o.attempt, o.ticket, o.ordering_key

-- claim_across --
-- Lease due rows as claim_due does, but going from tenant to tenant, so many of each. The cost does not depend on how
-- much is due or waits, only on the tenants looked at. A row without delivery names the last of them, where rows are
-- lacking although further tenants may have some.
-- $1 limit, $2 lease_seconds, $3 go on after this tenant, $4 tenants to pass over, $5 most rows of a tenant,
-- $6 most tenants to look at
with recursive visited as (
    (select o.tenant_id, 1 as number from postern.outbox o where o.tenant_id > $3::uuid order by o.tenant_id limit 1)
    union all
    select following.tenant_id, v.number + 1
    from visited v
    cross join lateral (
        select o.tenant_id from postern.outbox o where o.tenant_id > v.tenant_id order by o.tenant_id limit 1
    ) following
    where v.number < $6::integer
), due as materialized (
    select one.tenant_id, one.delivery_id
    from visited v
    cross join lateral (
        select o.tenant_id, o.delivery_id
        from postern.outbox o
        where o.tenant_id = v.tenant_id and o.available_at <= now()
          and (o.ordering_key is null or o.delivery_id = (
              select head.delivery_id
              from postern.outbox head
              where head.tenant_id = o.tenant_id and head.ordering_key = o.ordering_key
              order by head.delivery_id
              limit 1))
        order by o.available_at
        limit $5::integer
        for update of o skip locked) one
    where v.tenant_id <> all ($4::uuid[])
    limit $1::integer
), unflushed as materialized (
    select set_config('synchronous_commit', 'off', true)
), leased as (
    update postern.outbox o
    set available_at = now() + make_interval(secs => $2::double precision)
    from due cross join unflushed
    where o.tenant_id = due.tenant_id and o.delivery_id = due.delivery_id
    returning o.tenant_id, o.delivery_id, o.attempt, o.ticket, o.ordering_key
)
select tenant_id, delivery_id, attempt, ticket, ordering_key from leased
union all
select tenant_id, null, null, null, null from visited
where number = $6::integer and (select count(*) from due) < $1::integer

-- become_claimant --
-- Be the only one that claims runs until the end of the transaction; false where somebody else is.
select pg_try_advisory_xact_lock(hashtext('postern.outbox_runs'))

-- claim_runs --
-- Lease due rows as claim_across does, but of an ordering key a whole run from its first row on: whoever claims sends
-- them on in order. A run ends where an earlier row is leased or due later. Only one at a time may claim so: rows that
-- another one is just now claiming would look due.
-- $1 limit, $2 lease_seconds, $3 go on after this tenant, $4 most rows of a tenant, $5 most tenants to look at
with recursive visited as (
    (select o.tenant_id, 1 as number from postern.outbox o where o.tenant_id > $3::uuid order by o.tenant_id limit 1)
    union all
    select following.tenant_id, v.number + 1
    from visited v
    cross join lateral (
        select o.tenant_id from postern.outbox o where o.tenant_id > v.tenant_id order by o.tenant_id limit 1
    ) following
    where v.number < $5::integer
), due as materialized (
    select one.tenant_id, one.delivery_id
    from visited v
    cross join lateral (
        select o.tenant_id, o.delivery_id
        from postern.outbox o
        where o.tenant_id = v.tenant_id and o.available_at <= now()
          and (o.ordering_key is null or not exists (
              select from postern.outbox earlier
              where earlier.tenant_id = o.tenant_id and earlier.ordering_key = o.ordering_key
                and earlier.delivery_id < o.delivery_id and earlier.available_at > now()))
        order by o.available_at, o.delivery_id
        limit $4::integer
        for update of o skip locked) one
    limit $1::integer
), unflushed as materialized (
    select set_config('synchronous_commit', 'off', true)
), leased as (
    update postern.outbox o
    set available_at = now() + make_interval(secs => $2::double precision)
    from due cross join unflushed
    where o.tenant_id = due.tenant_id and o.delivery_id = due.delivery_id
    returning o.tenant_id, o.delivery_id, o.attempt, o.ticket, o.ordering_key
)
select tenant_id, delivery_id, attempt, ticket, ordering_key from leased
union all
select tenant_id, null, null, null, null from visited
where number = $5::integer and (select count(*) from due) < $1::integer
