"""What can go wrong in the domain, said so that a caller may read it."""

from collections.abc import Sequence
from dataclasses import dataclass


class BakeoffError(Exception):
    """A failure whose text is fit for the caller: it names no path, class or secret."""


class NotFound(BakeoffError):
    """What was asked for does not exist."""


class ExperimentNotFound(NotFound):
    """No experiment has that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"experiment_name: no experiment is called {name!r}")


class ModelNotFound(NotFound):
    """No model has that name, or none that version or alias."""

    def __init__(self, name: str, version: str | None = None) -> None:
        wanted = repr(name) if version is None else f"{name!r} with version or alias {version!r}"
        super().__init__(f"model_name: no model {wanted} is registered")


class ReportNotFound(NotFound):
    """No report has that id, or it has no such file."""


class AlertNotFound(NotFound):
    """The experiment has no alert of that id."""

    def __init__(self, experiment: str, alert_id: str) -> None:
        super().__init__(f"alert_id: experiment {experiment!r} has no alert {alert_id!r}")


class KeyNotFound(NotFound):
    """No API key has that id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"key_id: no API key is called {key_id!r}")


class Conflict(BakeoffError):
    """The request is well formed, but the present state forbids it."""


class ExperimentExists(Conflict):
    """An experiment of that name exists already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"name: an experiment called {name!r} exists already")


class VersionConflict(Conflict):
    """Somebody else changed the experiment since it was read."""

    def __init__(self, name: str) -> None:
        super().__init__(f"experiment {name!r} was changed by somebody else in the meantime: read it again and repeat")


class IllegalTransition(Conflict):
    """The lifecycle does not lead from the present status to the one asked for."""


class ChangeRefused(Conflict):
    """The change would spoil data that a running experiment has collected."""


class NamespaceTaken(Conflict):
    """Another live experiment has the users of that part of a namespace."""

    def __init__(self, name: str, part: tuple[float, float], other: str, others_part: tuple[float, float]) -> None:
        super().__init__(
            f"namespace: {part[0]:g} to {part[1]:g} of {name!r} overlaps {others_part[0]:g} to {others_part[1]:g}, "
            f"which experiment {other!r} has while it is running or paused"
        )


class ModelVersionExists(Conflict):
    """That version is registered already, with other bytes."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"model {name}:{version} is registered already and a version never changes: publish a new one")


class ModelInUse(Conflict):
    """An experiment or an alias uses the model version."""


class ModelNotReady(Conflict):
    """An alias is to point at a version that does not serve."""

    def __init__(self, model_key: str, status: str) -> None:
        super().__init__(f"group: its model {model_key} is {status}: load it first, or promote without an alias")


class AliasMoved(Conflict):
    """An alias does not point where the caller took it to point."""

    def __init__(self, name: str, alias: str, expected: str | None, present: str | None) -> None:
        super().__init__(
            f"alias: {name}:{alias} points at {present or 'no version'}, not at {expected or 'no version'}: "
            "somebody else may have moved it"
        )


class KeyEnded(Conflict):
    """The API key is revoked or expired, and stays so."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"key_id: {key_id} is revoked or expired: create another")


class NoModelInExperiment(Conflict):
    """The experiment's groups name no model, so there is nothing to predict with."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the groups of experiment {name!r} name no model: ask POST /ab_test/assign for the group")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that is wrong, and why."""

    loc: str
    msg: str

    def __str__(self) -> str:
        return f"{self.loc}: {self.msg}" if self.loc else self.msg


class InvalidInput(BakeoffError):
    """The request is wrong in one or more of its fields."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = tuple(errors)

    @classmethod
    def of(cls, loc: str, msg: str) -> "InvalidInput":
        """Make the error for a single field."""
        return cls([FieldError(loc, msg)])


class PayloadTooLarge(BakeoffError):
    """The request is larger than is accepted."""


class ForeignOrigin(BakeoffError):
    """A request did not come the way that all requests must come."""

    def __init__(self) -> None:
        super().__init__("this address answers no requests: use the one that the service is published at")


class TooManyRequests(BakeoffError):
    """A caller asks more often than it may.

    Attributes:
        retry_after: Seconds until one more request is its to make.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"there were more requests by this caller than it may make: try again in {retry_after} s")
        self.retry_after = retry_after


class Unavailable(BakeoffError):
    """The request is right, but cannot be served now; trying again later may help."""


class ModelUnavailable(Unavailable):
    """A registered model version cannot be used."""

    def __init__(self, model_key: str, reason: str) -> None:
        super().__init__(f"model {model_key} is unavailable: {reason}")


class ModelTimedOut(ModelUnavailable):
    """A model did not answer in the time that there was."""

    def __init__(self, model_key: str) -> None:
        super().__init__(model_key, "it did not answer in time")


class CircuitOpen(ModelUnavailable):
    """A model that kept failing is left alone for a while."""

    def __init__(self, model_key: str) -> None:
        super().__init__(model_key, "it kept failing, and is tried again in a while")


class DependencyUnavailable(Unavailable):
    """A service that Bakeoff stands on does not answer."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is unavailable at the moment")
