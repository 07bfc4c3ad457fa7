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
-- has not come is not lost, and one that was parked counts from its turn; one that a worker is just handling is passed
-- over. What is queued counts as touched, so that it is not queued again at once. Returns the last id looked at, how
-- many were, and how many were queued.
-- $1 look after this delivery_id, $2 seconds since the latest touch that may be lost, $3 most to look at
select last_id, examined_count, queued_count from postern.requeue_lost($1, $2, $3)
