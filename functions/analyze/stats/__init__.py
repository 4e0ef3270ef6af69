"""Statistics of experiments: pure functions on sufficient statistics."""
