-- The event ids, in one of several parts of about the same size. Without the casts the remainder would be one of 128
-- bits, which takes a hundred times as long.
SELECT event_id
FROM arrived
WHERE event_id % CAST($parts AS UBIGINT) = CAST($part AS UBIGINT)
