-- Events from the moment on as of which the data are looked at.
DELETE FROM arrived
WHERE happened_at >= $as_of
