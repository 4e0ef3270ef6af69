-- Events from the moment on as of which the data are looked at.
DELETE FROM events
WHERE happened_at >= $as_of
