-- take_migration_lock --
-- Let one process migrate at a time. The lock ends with its connection, so a killed process holds up nobody.
select pg_advisory_lock(hashtext('postern.migrations'))

-- release_migration_lock --
-- Let the next process in.
select pg_advisory_unlock(hashtext('postern.migrations'))
