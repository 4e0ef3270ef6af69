-- The first moment by which everything has happened.
SELECT coalesce(max(happened_at) + 1, 0) FROM arrived
