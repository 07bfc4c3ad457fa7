-- enter_tenant --
-- Name the tenant whose rows this transaction may see.
-- $1 tenant_id as text
select set_config('postern.tenant_id', $1, true)

-- ping --
-- Answer, to show that the server does.
select 1

-- forget_plans --
-- Have this connection plan its statements anew.
discard plans

-- limit_transactions --
-- End a transaction, with its connection, after a time, where the server can.
-- $1 time with its unit
select set_config(name, $1, false) from pg_settings where name = 'transaction_timeout'

-- read_only --
-- Let the transaction write nothing.
select set_config('transaction_read_only', 'on', true)
