"""Long lists of target users: objects of their own, found by their checksum, since an experiment's item is small."""

import gzip
import json
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import sha256

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.experiments.model import Experiment, TargetUserList
from bakeoff_core.stores.objects import ObjectNotFound, ObjectStore

LONGEST_INLINE = 1_000
"""As many units as an experiment's own document holds."""

_LARGEST_INLINE_BYTES = 64 * 1024
_MOST_REMEMBERED = 2_000_000
_WHAT = "the list of target users"

Load = Callable[[TargetUserList], frozenset[str]]


def object_key(checksum: str) -> str:
    """Say under which key a list is kept: one JSON string a line, in order, gzipped."""
    return f"target_users/{checksum}.jsonl.gz"


def is_long(units: Iterable[str]) -> bool:
    """Say whether a list has to be kept as an object."""
    units = tuple(units)
    return len(units) > LONGEST_INLINE or sum(len(unit.encode()) for unit in units) > _LARGEST_INLINE_BYTES


def describe(units: Iterable[str]) -> TargetUserList:
    """Name a list by its content: the same units make the same reference, whatever their order."""
    return _packed(units)[0]


class TargetUserLists:
    """Lists in an object store.

    Args:
        objects: Where they are kept.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def keep(self, units: Iterable[str]) -> TargetUserList:
        """Store a list and return the reference that an experiment keeps.

        Raises:
            DependencyUnavailable: The object store does not take it.
        """
        reference, text = _packed(units)
        self._objects.put(object_key(reference.sha256), gzip.compress(text, mtime=0), "application/gzip")
        return reference

    def load(self, reference: TargetUserList) -> frozenset[str]:
        """Read a list and check it.

        Raises:
            ObjectNotFound: There is no such list.
            DependencyUnavailable: The object store does not answer, or what it has is damaged.
        """
        try:
            text = gzip.decompress(self._objects.get(object_key(reference.sha256)))
        except (OSError, EOFError, zlib.error) as error:
            raise DependencyUnavailable(_WHAT) from error
        if sha256(text).hexdigest() != reference.sha256:
            raise DependencyUnavailable(_WHAT)
        return frozenset(map(json.loads, text.splitlines()))


class TargetUserReader:
    """Gives experiments their lists, reading each list once: a checksum never means another list.

    Args:
        load: Reads a list.
        most_units: How many units are remembered over all lists; the list used longest ago goes first.
    """

    def __init__(self, load: Load, most_units: int = _MOST_REMEMBERED) -> None:
        self._load = load
        self._most_units = most_units
        self._remembered: OrderedDict[str, frozenset[str]] = OrderedDict()

    def complete(self, experiment: Experiment) -> Experiment:
        """Return an experiment with the units of its list, if it has one and is running.

        Raises:
            DependencyUnavailable: The list cannot be read.
        """
        # One that does not run decides without its list, so that a stop takes effect while the list is out of reach.
        if experiment.target_user_list is None or experiment.status != "running":
            return experiment
        return experiment.with_listed_units(self._units(experiment.target_user_list))

    def _units(self, reference: TargetUserList) -> frozenset[str]:
        if reference.sha256 not in self._remembered:
            try:
                self._remembered[reference.sha256] = self._load(reference)
            except ObjectNotFound as error:
                raise DependencyUnavailable(_WHAT) from error
            while len(self._remembered) > 1 and sum(map(len, self._remembered.values())) > self._most_units:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(reference.sha256)
        return self._remembered[reference.sha256]


def _packed(units: Iterable[str]) -> tuple[TargetUserList, bytes]:
    distinct = sorted(set(units))
    text = "".join(f"{json.dumps(unit)}\n" for unit in distinct).encode()
    return TargetUserList(sha256=sha256(text).hexdigest(), count=len(distinct)), text
