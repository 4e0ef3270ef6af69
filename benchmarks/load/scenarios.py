"""The scenarios: how many requests, by how many users at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load.

    Attributes:
        requests: How many requests are made in all; users end what they began, so a few more come.
        users: How many users there are at once.
        seconds: After how long it is ended in any case.
    """

    requests: int
    users: int
    seconds: int


SCENARIOS = {
    "low": Scenario(100, 10, 60),
    "medium": Scenario(1_000, 50, 120),
    "high": Scenario(10_000, 100, 300),
    "stress": Scenario(50_000, 200, 900),
}
