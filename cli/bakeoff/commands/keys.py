"""`bakeoff key`: the API keys of a stack."""

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from bakeoff.commands.failures import failures_in_words
from bakeoff.errors import UsageError
from bakeoff.operators import operator
from bakeoff_core.clock import rfc3339, utc_now
from bakeoff_core.identity.keys import ApiKey, Rate
from bakeoff_core.identity.scopes import SCOPES, Scope

if TYPE_CHECKING:
    from bakeoff_core.identity.key_ring import KeyRing

app = typer.Typer(no_args_is_help=True, help="Make, list, rotate and revoke API keys.")

KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="The key's id: what stands between its underscores.")]

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_NOT_AGAIN = "It is kept nowhere and not shown again."


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What you call it, such as whom it is for.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it opens: client (predict, assign, send events), read (experiments and results) or admin "
            "(everything); may be repeated."
        ),
    ],
    expires: Annotated[str | None, typer.Option(metavar="TIME", help="When it ends, as in 90d or 12h.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Requests a second that it may make.")] = None,
    burst: Annotated[float | None, typer.Option(min=1, help="Requests that it may make at once; twice --rate.")] = None,
) -> None:
    """Make a key and print it, this once."""
    with failures_in_words():
        if not _NAME.fullmatch(name):
            raise UsageError("NAME: must be 1 to 100 characters")
        unknown = sorted(set(scope) - set(SCOPES))
        if unknown:
            raise UsageError(f"--scope: must be one of {', '.join(SCOPES)}, got {', '.join(unknown)}")
        if burst is not None and rate is None:
            raise UsageError("--burst: goes with --rate")
        ends = None if expires is None else utc_now() + _duration("--expires", expires)
        own = None if rate is None else Rate(rate, burst or max(1, 2 * rate))
        scopes: frozenset[Scope] = frozenset(each for each in SCOPES if each in scope)
        made = _ring().create(name, scopes, created_by=operator(), expires_at=ends, rate=own)
    typer.echo(made)
    typer.echo(_NOT_AGAIN, err=True)


@app.command("list")
def list_keys(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List all keys with what they open and how old they and their secrets are; never a secret, nor its hash."""
    with failures_in_words():
        keys, now = _ring().list(), utc_now()
    if as_json:
        typer.echo(json.dumps([_described(key, now) for key in keys], indent=2))
    else:
        Console().print(_table(keys, now))


@app.command()
def rotate(
    key_id: KeyId,
    overlap: Annotated[
        str, typer.Option(metavar="TIME", help="For how long the present secret stays valid, as in 24h or 0m.")
    ] = "24h",
) -> None:
    """Give a key a new secret and print it, this once; the one before stays valid for a while."""
    with failures_in_words():
        made = _ring().rotate(key_id, _duration("--overlap", overlap))
    typer.echo(made)
    typer.echo(f"{_NOT_AGAIN} The secret before it is valid for another {overlap}.", err=True)


@app.command()
def revoke(key_id: KeyId) -> None:
    """End a key for good, all its secrets with it."""
    with failures_in_words():
        _ring().revoke(key_id)
    typer.echo(f"{key_id}: revoked")


def _ring() -> "KeyRing":
    from bakeoff.stack import key_ring  # noqa: PLC0415 - the AWS SDK takes most of a command's start

    return key_ring()


def _duration(option: str, text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,5})([mhd])", text)
    if match is None:
        raise UsageError(f"{option}: must be a number and m, h or d, such as 24h, got {text}")
    return int(match[1]) * _UNITS[match[2]]


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "live" if key.is_live(now) else "expired"


def _described(key: ApiKey, now: datetime) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": _state(key, now),
        "created_at": rfc3339(key.created_at),
        "created_by": key.created_by,
        "rotated_at": rfc3339(key.rotated_at),
        "expires_at": None if key.expires_at is None else rfc3339(key.expires_at),
        "revoked_at": None if key.revoked_at is None else rfc3339(key.revoked_at),
        "requests_per_second": None if key.rate is None else key.rate.requests_per_second,
        "burst": None if key.rate is None else key.rate.burst,
    }


def _table(keys: Sequence[ApiKey], now: datetime) -> Table:
    table = Table(Column("key id", no_wrap=True), "name", "scopes", "state", "age", "secret", "expires", "limit")
    for key in keys:
        table.add_row(
            key.key_id,
            key.name,
            " ".join(sorted(key.scopes)),
            _state(key, now),
            _age(now - key.created_at),
            _age(now - key.rotated_at),
            "never" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d}",
            "the stack's" if key.rate is None else f"{key.rate.requests_per_second:g}/s",
        )
    return table


def _age(age: timedelta) -> str:
    return f"{age.days} d" if age.days else f"{age.seconds // 3600} h"
