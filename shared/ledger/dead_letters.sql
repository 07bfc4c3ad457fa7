-- insert --
-- $1 dead_letter_id, $2 source, $3 reason, $4 value, $5 its length before it was cut
insert into postern.dead_letters (dead_letter_id, source, reason, value, value_bytes) values ($1, $2, $3, $4, $5)

-- delete_old --
-- Delete a batch of those received before the retention; return how many.
-- $1 retention_days, $2 limit
with deleted as (
    delete from postern.dead_letters
    where dead_letter_id in (
        select dead_letter_id from postern.dead_letters
        where received_at < now() - make_interval(days => $1)
        limit $2)
    returning 1
)
select count(*) from deleted
