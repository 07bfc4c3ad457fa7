-- Access to the control API: keys with names and limits of their own, operators, answers kept for repeated requests.
-- depends: 0011.audit_changes

-- A third role without login, for operators: it sees tenants, may add keys to them, and nothing else of theirs.
do $$
begin
    if not exists (select from pg_roles where rolname = 'postern_operator') then
        create role postern_operator nologin;
    end if;
exception when duplicate_object or unique_violation then
    null; -- another database of the same cluster is being migrated at this moment
end
$$;
do $$
begin
    execute format('grant postern_operator to %I', current_user);
exception when others then
    null; -- concurrent grant of the same membership
end
$$;

-- Tenants ---------------------------------------------------------------------------------------

alter table postern.tenants
    add column updated_at timestamptz not null default now();

-- The trigger writes to webhooks, which an operator may not: it runs as its owner.
alter function postern.announce_tenant_change() security definer set search_path = pg_catalog, postern;

-- API keys --------------------------------------------------------------------------------------

alter table postern.api_keys rename column description to name;
alter table postern.api_keys
    add column rate_limit_per_minute integer check (rate_limit_per_minute between 1 and 60000),
    add column created_by text, -- the actor, as in the audit trail
    add column revoked_at timestamptz;

create table postern.api_key_buckets (
    tenant_id   uuid not null,
    api_key_id  uuid not null,
    tokens      double precision not null,
    refilled_at timestamptz not null,
    primary key (tenant_id, api_key_id),
    foreign key (tenant_id, api_key_id) references postern.api_keys on delete cascade
);

-- Take one token of a key, whichever process asks. Returns 0, or the seconds until there is one.
create function postern.take_api_key_token(in_tenant_id uuid, in_api_key_id uuid, per_minute integer)
returns double precision
language plpgsql
as $$
declare
    bucket postern.api_key_buckets;
    moment timestamptz;
    available double precision;
begin
    -- A crash may give a few tokens back; waiting for the disk would cost each request more.
    perform set_config('synchronous_commit', 'off', true);
    insert into postern.api_key_buckets values (in_tenant_id, in_api_key_id, per_minute, clock_timestamp())
        on conflict do nothing;
    select * into bucket from postern.api_key_buckets
        where tenant_id = in_tenant_id and api_key_id = in_api_key_id for update;
    moment := clock_timestamp(); -- after the row lock: callers follow each other
    available := least(per_minute, bucket.tokens
        + greatest(extract(epoch from moment - bucket.refilled_at), 0) * per_minute / 60.0);
    update postern.api_key_buckets
        set tokens = case when available >= 1 then available - 1 else available end, refilled_at = moment
        where tenant_id = in_tenant_id and api_key_id = in_api_key_id;
    return case when available >= 1 then 0 else (1 - available) * 60.0 / per_minute end;
end
$$;

-- Operators -------------------------------------------------------------------------------------

create table postern.operators (
    operator_id  uuid primary key,
    name         text not null check (length(name) between 1 and 255),
    key_digest   bytea not null unique check (octet_length(key_digest) = 32),
    key_prefix   text not null,
    is_active    boolean not null default true,
    expires_at   timestamptz,
    last_used_at timestamptz,
    created_at   timestamptz not null default now()
);

-- Repeated requests -----------------------------------------------------------------------------

-- What was answered to a POST with an Idempotency-Key. The row is there from the first request's start; its answer
-- from that one's end. Answers may hold a secret that is shown once: they are sealed, see shared/crypto.
create table postern.idempotent_requests (
    tenant_id      uuid not null,
    key_digest     bytea not null, -- SHA-256 of caller, route and key
    request_id     uuid not null, -- the claim: binds the sealed answer to this row
    request_digest bytea not null, -- SHA-256 of path, query and body
    claimed_until  timestamptz not null, -- a process that died leaves its claim; another may take it then
    -- Set in the transaction of the change itself: true means that the change was made, whatever became of its answer.
    is_committed   boolean not null default false,
    sealed_answer  bytea,
    expires_at     timestamptz not null,
    primary key (tenant_id, key_digest)
);
create index idempotent_requests_expiry on postern.idempotent_requests (expires_at);

-- Note in the transaction of a change that it is made. Fails where somebody else has taken over the claim: then the
-- change is undone, and may be tried again.
create function postern.mark_idempotent_request(in_tenant_id uuid, in_key_digest bytea, in_request_id uuid) returns void
language plpgsql
as $$
begin
    update postern.idempotent_requests set is_committed = true
        where tenant_id = in_tenant_id and key_digest = in_key_digest and request_id = in_request_id;
    if not found then
        raise exception 'the claim of this request was taken over' using errcode = 'serialization_failure';
    end if;
end
$$;

-- Row-level security and rights -----------------------------------------------------------------

do $$
declare
    table_name text;
begin
    foreach table_name in array array['api_key_buckets', 'idempotent_requests'] loop
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
alter table postern.operators enable row level security;
create policy all_operators on postern.operators to postern_system using (true) with check (true);
create policy operators_see_all on postern.tenants to postern_operator using (true) with check (true);
create policy operators_add on postern.api_keys for insert to postern_operator with check (true);
create policy operators_add on postern.audit_events for insert to postern_operator with check (true);

grant usage on schema postern to postern_operator;
grant select, insert, update on postern.tenants to postern_operator;
grant insert on postern.api_keys, postern.audit_events to postern_operator;
grant select, insert, update on postern.operators to postern_system;
grant select, insert, update, delete on postern.api_key_buckets to postern_system;
grant select, insert, update, delete on postern.idempotent_requests to postern_tenant, postern_system;
