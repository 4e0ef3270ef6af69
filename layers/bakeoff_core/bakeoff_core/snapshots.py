"""Starting from a snapshot (Lambda SnapStart): what is made before it, and what every copy must make anew.

Lambda takes the snapshot once a version is published and starts all its containers from it, days later perhaps.
What was random is then the same in each of them, connections are dead, and what was remembered is old.
"""

import random
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Protocol
from weakref import WeakMethod

Refresh = Callable[[], None]


class Hooks(Protocol):
    """The module of Lambda's Python runtime that calls hooks around a snapshot."""

    def register_before_snapshot(self, hook: Refresh) -> object:
        """Have a hook called before the snapshot is taken."""
        ...

    def register_after_restore(self, hook: Refresh) -> object:
        """Have a hook called in each copy, before its first event."""
        ...


class Snapshots:
    """What is to be made before a snapshot, and anew after it, each in the order in which it was registered."""

    def __init__(self) -> None:
        self._preparations: list[Callable[[], Refresh | None]] = []
        self._refreshes: list[Callable[[], Refresh | None]] = []

    def before_snapshot(self, method: Refresh) -> None:
        """Have an object's method called before the snapshot is taken. It does not keep the object alive.

        Args:
            method: A bound method.
        """
        self._preparations = [each for each in self._preparations if each() is not None]
        self._preparations.append(WeakMethod(method))

    def on_restore(self, method: Refresh) -> None:
        """Have an object's method called in each copy. It does not keep the object alive.

        Args:
            method: A bound method.
        """
        self._refreshes = [each for each in self._refreshes if each() is not None]
        self._refreshes.append(WeakMethod(method))

    def prepare(self) -> None:
        """Make what otherwise waits until it is first used, so that no copy has to."""
        _call(self._preparations)

    def refresh(self) -> None:
        """Seed the process's random numbers anew, and call every method that was registered for that."""
        random.seed()
        _call(self._refreshes)


def _call(references: Iterable[Callable[[], Refresh | None]]) -> None:
    for reference in references:
        method = reference()
        if method is not None:
            method()


def deployed_snapshots(find_hooks: Callable[[str], object] = import_module) -> Snapshots:
    """Make the snapshots of this process, which Lambda's runtime tells where it is there.

    Args:
        find_hooks: Imports the runtime's module by its name.
    """
    snapshots = Snapshots()
    try:
        hooks: Hooks = find_hooks("snapshot_restore_py")  # type: ignore[assignment]  # a module has no narrower type
    except ImportError:
        return snapshots
    hooks.register_before_snapshot(snapshots.prepare)
    hooks.register_after_restore(snapshots.refresh)
    return snapshots


_deployed = deployed_snapshots()
before_snapshot, on_restore = _deployed.before_snapshot, _deployed.on_restore
