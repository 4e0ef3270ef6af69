-- The hashes of the event ids, in one of several parts of about the same size.
SELECT hash(event_id) AS hashed
FROM arrived
WHERE $parts = 1 OR hash(event_id) % $parts = $part
