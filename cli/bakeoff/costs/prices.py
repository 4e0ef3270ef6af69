"""Unit prices, each with where it comes from and when it held."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bakeoff.errors import UsageError
from bakeoff_core.validation import field_errors

DEFAULT = Path(__file__).parent / "prices.json"


class Price(BaseModel):
    """What so many of a unit cost.

    Attributes:
        price: Of `per` units, in the table's currency.
        per: How many units that buys.
        unit: What is counted.
        source: The page that says so.
        as_of: When it said so, where that is another day than the table's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    price: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    per: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    unit: str
    source: str
    as_of: date | None = None

    def of(self, quantity: float) -> float:
        """Price a quantity."""
        return quantity * self.price / self.per


class PriceTable(BaseModel):
    """The prices of one region."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    currency: str
    as_of: date
    prices: Mapping[str, Price]


def read_prices(changes: Path | None = None) -> PriceTable:
    """Read the project's own prices, with those of another file in their place where it has some.

    Args:
        changes: A file of the same form, which may leave out prices that stay.

    Raises:
        UsageError: The file is missing, is no table of prices, or prices what no stack uses.
    """
    own = PriceTable.model_validate_json(DEFAULT.read_text(encoding="utf-8"))
    if changes is None:
        return own
    try:
        other = PriceTable.model_validate(json.loads(changes.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UsageError(f"{changes}: there is no such file") from None
    except ValidationError as error:
        raise UsageError(f"{changes}: {'; '.join(map(str, field_errors(error)))}") from None
    except ValueError as error:
        raise UsageError(f"{changes}: is not JSON: {error}") from None
    unknown = sorted(other.prices.keys() - own.prices.keys())
    if unknown:
        raise UsageError(f"{changes}: prices {', '.join(unknown)}, which no stack uses; there are {_names(own)}")
    return other.model_copy(update={"prices": {**own.prices, **other.prices}})


def _names(table: PriceTable) -> str:
    return ", ".join(table.prices)
