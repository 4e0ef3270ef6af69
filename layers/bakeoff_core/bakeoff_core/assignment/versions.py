"""Versions of applications, compared by the precedence of Semantic Versioning 2.0."""

import re
from dataclasses import dataclass
from functools import total_ordering

_FORM = re.compile(
    r"v?(\d{1,9}(?:\.\d{1,9}){0,3})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]*)?", re.ASCII
)
_PARTS = 4


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A version such as 2.10.0 or v3.0-beta.2; parts left out are 0, and build metadata does not count.

    Attributes:
        release: The numbers before the hyphen, filled up with zeros.
        prerelease: The identifiers after it; none for a release.
    """

    release: tuple[int, ...]
    prerelease: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read a version of one to four numbers.

        Raises:
            ValueError: The text is no version.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"not a version such as 2.10.0 or 3.0.0-beta.1: {text!r:.80}")
        numbers = [int(part) for part in match[1].split(".")]
        release = tuple(numbers + [0] * (_PARTS - len(numbers)))
        return cls(release, tuple(match[2].split(".")) if match[2] else ())

    def __lt__(self, other: "Version") -> bool:
        return self._key < other._key

    @property
    def _key(self) -> tuple[tuple[int, ...], bool, list[tuple[bool, int, str]]]:
        # A release comes after its pre-releases; numbers before words; a longer list after its own beginning.
        identifiers = [(False, int(part), "") if part.isdigit() else (True, 0, part) for part in self.prerelease]
        return self.release, not self.prerelease, identifiers
