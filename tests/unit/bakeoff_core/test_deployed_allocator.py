"""The allocator of a deployed function is made of what its settings say."""

from bakeoff_core.assignment.deployment import deployed_allocator
from bakeoff_core.settings import Settings
from bakeoff_core.stores.arms import DynamoArmStore


def test_groups_are_counted_in_as_many_items_as_are_set() -> None:
    allocator = deployed_allocator(Settings(assignments_table="assignments", arms_table="arms", counter_shards=64))
    assert isinstance(allocator._arms, DynamoArmStore)
    assert allocator._arms._shards.count == 64
