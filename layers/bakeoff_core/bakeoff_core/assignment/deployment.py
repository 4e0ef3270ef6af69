"""The allocator of a deployed function, on the tables and algorithms that its settings name."""

from random import SystemRandom

from bakeoff_core.assignment.allocation import AllocationStores, Allocator
from bakeoff_core.assignment.custom import load_algorithms
from bakeoff_core.clock import utc_now
from bakeoff_core.settings import Settings
from bakeoff_core.stores.arms import DynamoArmStore
from bakeoff_core.stores.assignments import DynamoAssignmentStore
from bakeoff_core.stores.aws import impatient_table
from bakeoff_core.stores.counters import Shards


def deployed_allocator(settings: Settings) -> Allocator:
    """Make an allocator on DynamoDB.

    Args:
        settings: The tables, and the deployer's algorithms, which are imported now.

    Raises:
        ImportError, AttributeError, TypeError: An algorithm cannot be loaded.
    """
    stores = AllocationStores(
        DynamoAssignmentStore(impatient_table(settings.assignments_table)),
        DynamoArmStore(impatient_table(settings.arms_table), Shards(settings.counter_shards)),
    )
    return Allocator(
        stores,
        SystemRandom().random,
        utc_now,
        settings.configuration_max_age_seconds,
        load_algorithms(settings.custom_algorithms),
    )
