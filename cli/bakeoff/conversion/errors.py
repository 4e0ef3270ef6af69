"""Why a model is not converted."""

from bakeoff.errors import UsageError


class NotConvertible(UsageError):
    """The model, its sample rows, or what the converter makes of them is not something to publish."""


class ParityFailure(NotConvertible):
    """The converted model predicts something else than its source."""
