"""Which reports there are."""

from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["executive", "technical", "dashboard"]

KINDS: tuple[Kind, ...] = ("executive", "dashboard", "technical")
