"""Which group a unit gets, and why."""
