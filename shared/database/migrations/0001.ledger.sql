-- The ledger: tenants, configuration, deliveries, idempotency, outbox, rate limits, mappings, catalogues.
-- depends:

create schema postern;

-- Two roles, both without login: programs connect as a member and switch to one of them.
--   postern_tenant  sees one tenant at a time, the one named in the setting postern.tenant_id;
--   postern_system  serves all tenants at once (gateway batches, relay, housekeeping).
do $$
begin
    if not exists (select from pg_roles where rolname = 'postern_tenant') then
        create role postern_tenant nologin;
    end if;
    if not exists (select from pg_roles where rolname = 'postern_system') then
        create role postern_system nologin;
    end if;
exception when duplicate_object or unique_violation then
    null; -- another database of the same cluster is being migrated at this moment
end
$$;
do $$
begin
    execute format('grant postern_tenant, postern_system to %I', current_user);
exception when others then
    null; -- concurrent grant of the same membership
end
$$;

create function postern.current_tenant() returns uuid
language sql stable parallel safe
as $$ select nullif(current_setting('postern.tenant_id', true), '')::uuid $$;

-- Tenancy ---------------------------------------------------------------------------------------

create table postern.tenants (
    tenant_id  uuid primary key,
    slug       text not null unique check (slug ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
    name       text not null check (length(name) between 1 and 255),
    is_active  boolean not null default true,
    created_at timestamptz not null default now()
);

create table postern.api_keys (
    tenant_id    uuid not null references postern.tenants,
    api_key_id   uuid not null,
    key_digest   bytea not null unique check (octet_length(key_digest) = 32),
    key_prefix   text not null,
    description  text not null default '',
    permissions  text[] not null,
    is_active    boolean not null default true,
    expires_at   timestamptz,
    last_used_at timestamptz,
    created_at   timestamptz not null default now(),
    primary key (tenant_id, api_key_id)
);

create table postern.audit_events (
    tenant_id   uuid not null references postern.tenants,
    event_id    uuid not null,
    occurred_at timestamptz not null default now(),
    actor       text not null,
    action      text not null,
    target      text not null,
    details     json not null default '{}',
    primary key (tenant_id, event_id)
);

-- Configuration ---------------------------------------------------------------------------------

create table postern.webhooks (
    tenant_id                  uuid not null references postern.tenants,
    webhook_id                 uuid not null,
    name                       text not null check (length(name) between 1 and 255),
    slug                       text not null check (slug ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
    description                text,
    auth_type                  text not null
                               check (auth_type in ('hmac_sha256', 'bearer', 'ip_allowlist', 'path_token')),
    auth_config                jsonb not null default '{}',
    idempotency_source         jsonb,
    idempotency_window_seconds integer not null default 86400
                               check (idempotency_window_seconds between 1 and 2592000),
    handler_type               text not null check (handler_type in ('direct_action', 'workflow')),
    handler_config             jsonb not null default '{}',
    rate_limit_per_minute      integer not null default 600
                               check (rate_limit_per_minute between 1 and 60000),
    is_active                  boolean not null default true,
    auto_disabled_at           timestamptz,
    sample_armed_at            timestamptz,
    sample_expires_at          timestamptz,
    version                    integer not null default 1,
    -- Written by the trigger below. Gateways poll for rows changed by transactions that were not yet
    -- finished at their last look: exact where a sequence or a clock would skip a slow transaction.
    changed_xid                xid8 not null default pg_current_xact_id(),
    created_by                 uuid,
    created_at                 timestamptz not null default now(),
    updated_at                 timestamptz not null default now(),
    deleted_at                 timestamptz,
    primary key (tenant_id, webhook_id)
);
create unique index webhooks_slug on postern.webhooks (tenant_id, slug) where deleted_at is null;
create index webhooks_changed on postern.webhooks (changed_xid);

create table postern.webhook_secrets (
    tenant_id    uuid not null,
    webhook_id   uuid not null,
    secret_id    uuid not null,
    sealed       bytea not null, -- AES-256-GCM, bound to (tenant, webhook, secret); see shared/crypto
    valid_from   timestamptz not null default now(),
    valid_until  timestamptz, -- null: live until replaced
    created_at   timestamptz not null default now(),
    primary key (tenant_id, webhook_id, secret_id),
    foreign key (tenant_id, webhook_id) references postern.webhooks on delete cascade
);

create table postern.webhook_samples (
    tenant_id   uuid not null,
    webhook_id  uuid not null,
    sample_id   uuid not null,
    delivery_id uuid not null,
    headers     bytea not null,
    body        bytea not null,
    captured_at timestamptz not null,
    primary key (tenant_id, webhook_id, sample_id),
    foreign key (tenant_id, webhook_id) references postern.webhooks on delete cascade
);

-- A change of configuration is announced as a hint; the poll by changed_xid is the truth.
create function postern.announce_webhook_change() returns trigger
language plpgsql
as $$
begin
    new.changed_xid := pg_current_xact_id();
    perform pg_notify('postern_config', new.webhook_id::text);
    return new;
end
$$;
create trigger webhooks_announce before insert or update on postern.webhooks
    for each row execute function postern.announce_webhook_change();

-- A tenant switched off must reach the gateways through its webhooks.
create function postern.announce_tenant_change() returns trigger
language plpgsql
as $$
begin
    if new.is_active is distinct from old.is_active or new.slug is distinct from old.slug then
        update postern.webhooks set version = version where tenant_id = new.tenant_id;
    end if;
    return new;
end
$$;
create trigger tenants_announce after update on postern.tenants
    for each row execute function postern.announce_tenant_change();

-- Deliveries ------------------------------------------------------------------------------------

-- Partitioned by day on the time that leads every uuid7; bodies are bytes, never jsonb.
create table postern.deliveries (
    tenant_id         uuid not null,
    delivery_id       uuid not null,
    webhook_id        uuid, -- null: a request for a webhook that the tenant does not have
    webhook_version   integer,
    secret_id         uuid, -- the secret that verified
    received_at       timestamptz not null,
    request_method    text not null,
    request_path      text not null, -- with its query; a path token is masked
    request_headers   bytea not null, -- lines 'name: value\r\n', names lower-case, credentials left out
    request_body      bytea,
    source_address    text not null,
    idempotency_key   text,
    idempotency_fault text, -- why no key could be taken
    auth_status       text not null check (auth_status in
                      ('verified', 'rejected_signature', 'rejected_bearer', 'rejected_ip', 'rejected_no_auth')),
    dispatch_status   text not null check (dispatch_status in ('pending', 'dispatched', 'failed', 'duplicate')),
    response_status   smallint not null,
    handler_outcome   json,
    duration_ms       real,
    retry_count       integer not null default 0,
    next_attempt_at   timestamptz,
    completed_at      timestamptz,
    is_replay         boolean not null default false,
    is_test           boolean not null default false,
    replayed_from     uuid,
    duplicate_of      uuid,
    primary key (tenant_id, delivery_id)
) partition by range (delivery_id);
create index deliveries_webhook on postern.deliveries (tenant_id, webhook_id, delivery_id desc);

-- Failed attempts that were followed by another; the last attempt is the delivery's own outcome.
create table postern.delivery_attempts (
    tenant_id    uuid not null,
    delivery_id  uuid not null,
    attempt      integer not null,
    started_at   timestamptz not null,
    duration_ms  real not null,
    outcome      json not null,
    primary key (tenant_id, delivery_id, attempt)
);

create function postern.uuid7_floor(at timestamptz) returns uuid
language sql immutable parallel safe
as $$
    select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Create the day partitions from yesterday to days_ahead; return how many were new.
-- Runs as its owner, so that programs need no right to create tables.
create function postern.create_delivery_partitions(days_ahead integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, postern
as $$
declare
    day date;
    partition_name text;
    created integer := 0;
begin
    perform pg_advisory_xact_lock(hashtext('postern.delivery_partitions'));
    for day in select generate_series(
        (now() at time zone 'utc')::date - 1, (now() at time zone 'utc')::date + days_ahead, '1 day')::date
    loop
        partition_name := 'deliveries_' || to_char(day, 'YYYYMMDD');
        continue when to_regclass('postern.' || partition_name) is not null;
        begin
            execute format(
                'create table postern.%I partition of postern.deliveries for values from (%L) to (%L)',
                partition_name,
                postern.uuid7_floor(day::timestamp at time zone 'utc'),
                postern.uuid7_floor((day + 1)::timestamp at time zone 'utc'));
            created := created + 1;
        exception when check_violation then
            null; -- rows of that day already sit in the default partition: they stay there
        end;
    end loop;
    return created;
end
$$;

-- Drop the day partitions that end at or before a moment; return how many were dropped.
create function postern.drop_delivery_partitions(before timestamptz) returns integer
language plpgsql security definer
set search_path = pg_catalog, postern
as $$
declare
    partition_name text;
    dropped integer := 0;
begin
    perform pg_advisory_xact_lock(hashtext('postern.delivery_partitions'));
    for partition_name in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'postern.deliveries'::regclass and c.relname ~ '^deliveries_\d{8}$'
          and to_date(right(c.relname, 8), 'YYYYMMDD') + 1 <= (before at time zone 'utc')::date
    loop
        execute format('drop table postern.%I', partition_name);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;

-- The safety net for an id outside every day partition: accepting must not fail.
create table postern.deliveries_default partition of postern.deliveries default;
select postern.create_delivery_partitions(7);

create table postern.idempotency_keys (
    tenant_id   uuid not null,
    webhook_id  uuid not null,
    key_digest  bytea not null, -- SHA-256 of the key: any length of key fits the index
    delivery_id uuid not null,
    expires_at  timestamptz not null,
    primary key (tenant_id, webhook_id, key_digest)
);
create index idempotency_keys_expiry on postern.idempotency_keys (expires_at);

-- What still has to reach a worker. One row per unfinished delivery at most.
create table postern.outbox (
    tenant_id    uuid not null,
    delivery_id  uuid not null,
    available_at timestamptz not null,
    ordering_key text,
    attempt      integer not null default 0,
    primary key (tenant_id, delivery_id)
);
create index outbox_available on postern.outbox (available_at);
-- The first of each ordering key: only that one is due.
create index outbox_order on postern.outbox (tenant_id, ordering_key, delivery_id) where ordering_key is not null;

-- Rate limits -----------------------------------------------------------------------------------

create table postern.rate_limit_buckets (
    tenant_id   uuid not null,
    webhook_id  uuid not null,
    tokens      double precision not null,
    refilled_at timestamptz not null,
    primary key (tenant_id, webhook_id)
);

create table postern.rate_limit_leases (
    tenant_id  uuid not null,
    webhook_id uuid not null,
    gateway_id uuid not null,
    tokens     integer not null,
    expires_at timestamptz not null,
    primary key (tenant_id, webhook_id, gateway_id)
);

-- Lease up to `wanted` tokens to one gateway process. Of its last lease it still holds `held`, which it may use
-- meanwhile, or gives back `returned`, which it no longer may. Tokens in the bucket plus tokens out on lease never
-- exceed the burst, so in any window of t seconds all processes together accept at most burst + t * refill.
-- A lease expires: a process that dies gives its tokens back that way, and one that lives must not use them
-- more than lease_seconds after it asked.
create function postern.lease_rate_limit_tokens(
    in_tenant_id uuid, in_webhook_id uuid, in_gateway_id uuid, per_minute integer,
    held integer, returned integer, wanted integer, lease_seconds double precision,
    out granted integer, out wait_seconds double precision)
language plpgsql
as $$
declare
    bucket postern.rate_limit_buckets;
    moment timestamptz;
    elsewhere integer;
    available double precision;
begin
    insert into postern.rate_limit_buckets
        values (in_tenant_id, in_webhook_id, per_minute, clock_timestamp())
        on conflict do nothing;
    select * into bucket from postern.rate_limit_buckets
        where tenant_id = in_tenant_id and webhook_id = in_webhook_id for update;
    -- Read after the row lock: every statement of this function sees what earlier holders committed.
    moment := clock_timestamp();
    select coalesce(sum(tokens), 0) into elsewhere from postern.rate_limit_leases
        where tenant_id = in_tenant_id and webhook_id = in_webhook_id
          and gateway_id <> in_gateway_id and expires_at > moment;
    -- Right after the limit was lowered, more than all of it may be out on lease.
    available := greatest(0, least(
        per_minute - elsewhere - held,
        bucket.tokens + returned
        + greatest(extract(epoch from moment - bucket.refilled_at), 0) * per_minute / 60.0));
    granted := greatest(least(wanted, floor(available)::integer), 0);
    wait_seconds := case when granted > 0 then 0
        else greatest((1 - available) * 60.0 / per_minute, 0) end;
    update postern.rate_limit_buckets set tokens = available - granted, refilled_at = moment
        where tenant_id = in_tenant_id and webhook_id = in_webhook_id;
    insert into postern.rate_limit_leases values (
            in_tenant_id, in_webhook_id, in_gateway_id, held + granted,
            moment + make_interval(secs => lease_seconds))
        on conflict (tenant_id, webhook_id, gateway_id)
        do update set tokens = excluded.tokens, expires_at = excluded.expires_at;
end
$$;

-- Catalogues and mappings -----------------------------------------------------------------------

create table postern.action_catalog (
    name         text primary key,
    entity_type  text not null,
    definition   json not null,
    announced_at timestamptz not null default now()
);

create table postern.workflow_catalog (
    name         text primary key,
    definition   json not null,
    announced_at timestamptz not null default now()
);

create table postern.external_entity_mappings (
    tenant_id   uuid not null references postern.tenants,
    webhook_id  uuid not null,
    entity_type text not null,
    external_id text not null check (length(external_id) between 1 and 1024),
    realm       text not null default '',
    entity_id   uuid not null,
    delivery_id uuid, -- the delivery that last wrote it; null: written by an admin
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (tenant_id, webhook_id, entity_type, external_id, realm)
);
create index external_entity_mappings_entity
    on postern.external_entity_mappings (tenant_id, entity_type, entity_id);

-- Row-level security: the second lock -----------------------------------------------------------

do $$
declare
    table_name text;
begin
    foreach table_name in array array[
        'tenants', 'api_keys', 'audit_events', 'webhooks', 'webhook_secrets', 'webhook_samples', 'deliveries',
        'delivery_attempts', 'idempotency_keys', 'outbox', 'rate_limit_buckets', 'rate_limit_leases',
        'external_entity_mappings']
    loop
        execute format('alter table postern.%I enable row level security', table_name);
        execute format(
            'create policy one_tenant on postern.%I to postern_tenant
             using (tenant_id = postern.current_tenant()) with check (tenant_id = postern.current_tenant())',
            table_name);
        execute format(
            'create policy all_tenants on postern.%I to postern_system using (true) with check (true)', table_name);
    end loop;
end
$$;

grant usage on schema postern to postern_tenant, postern_system;
grant select, insert, update, delete on
    postern.webhooks, postern.webhook_secrets, postern.webhook_samples, postern.deliveries,
    postern.delivery_attempts, postern.idempotency_keys, postern.outbox, postern.external_entity_mappings,
    postern.api_keys
    to postern_tenant, postern_system;
grant select, insert on postern.audit_events to postern_tenant, postern_system;
grant select on postern.tenants to postern_tenant;
grant select, insert, update on postern.tenants to postern_system;
grant select, insert, update, delete on postern.rate_limit_buckets, postern.rate_limit_leases to postern_system;
grant select on postern.action_catalog, postern.workflow_catalog to postern_tenant;
grant select, insert, update, delete on postern.action_catalog, postern.workflow_catalog to postern_system;
revoke execute on function postern.create_delivery_partitions(integer) from public;
revoke execute on function postern.drop_delivery_partitions(timestamptz) from public;
grant execute on function postern.create_delivery_partitions(integer) to postern_system;
grant execute on function postern.drop_delivery_partitions(timestamptz) to postern_system;
