"""Results as documents that people read."""
