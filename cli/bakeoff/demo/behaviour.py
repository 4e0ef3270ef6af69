"""What a simulated user does after having seen recommendations."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

LOWEST_AMOUNT = 10.0
HIGHEST_AMOUNT = 100.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How likely a user clicks, and buys after a click."""

    click: float
    purchase: float


BEHAVIOURS: Mapping[str, Behaviour] = {
    "control": Behaviour(click=0.08, purchase=0.15),
    "treatment_v2": Behaviour(click=0.10, purchase=0.18),
    "treatment_v3": Behaviour(click=0.12, purchase=0.20),
}


def act(user_id: str, behaviour: Behaviour, seed: int) -> list[dict[str, Any]]:
    """Draw what a user does; the same seed and user always do the same.

    Args:
        user_id: The user.
        behaviour: How likely each step is.
        seed: Of the whole simulation.

    Returns:
        No event, a click, or a click and a purchase with its amount.
    """
    random = Random(f"{seed}/{user_id}")  # noqa: S311 - a simulation, no secret
    if random.random() >= behaviour.click:
        return []
    events: list[dict[str, Any]] = [{"event_id": f"{user_id}-click", "user_id": user_id, "event_type": "click"}]
    if random.random() < behaviour.purchase:
        amount = round(random.uniform(LOWEST_AMOUNT, HIGHEST_AMOUNT), 2)
        events.append(
            {
                "event_id": f"{user_id}-purchase",
                "user_id": user_id,
                "event_type": "purchase",
                "event_value": amount,
                "metadata": {"revenue": amount},
            }
        )
    return events
