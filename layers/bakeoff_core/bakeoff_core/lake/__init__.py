"""The event lake: objects as delivery writes them, the Parquet that compaction makes of them, and how both are read.

Only `keys` is free of DuckDB: the functions that answer users import nothing else from here.
"""
