"""The only place with AWS calls; each store has an in-memory twin that passes the same tests."""
