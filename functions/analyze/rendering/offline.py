"""What makes an HTML report whole: its style, its script and plotly.js, all within the file.

plotly.js is packed (gzip, base64), which the browser unpacks, so that a report takes less than half the room; a build
packs it ahead of time. The
policy of the page lets two scripts run, by their hashes, and lets nothing be fetched from anywhere.
"""

import gzip
import json
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from markupsafe import Markup

from rendering.blocks import JsonObject

_ASSETS = Path(__file__).parent / "assets"
_PLOTLY = "plotly-cartesian.min.js"
_PACKED = _ASSETS / "plotly-packed.json"
#: Half the time of the default, for one percent more.
_COMPRESSION = 5
#: What ends a script block or a line of script, although JSON allows it in a string.
_UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class Assets:
    """Parts of the page that nobody but Bakeoff wrote.

    Attributes:
        policy: The content security policy.
        style: The style sheet.
        script: Unpacks plotly.js and draws the charts; None without charts.
        plotly: plotly.js, packed; None without charts.
    """

    policy: str
    style: Markup
    script: Markup | None
    plotly: Markup | None


@cache
def page_assets(*, charts: bool) -> Assets:
    """Read the parts; without charts a page has no script at all."""
    style, script = (_ASSETS.joinpath(name).read_bytes() for name in ("report.css", "report.js"))
    plotly = _plotly() if charts else None
    scripts = "'none'" if plotly is None else f"{_hash(script)} {plotly['hash']}"
    return Assets(
        policy=(
            # plotly.js places its marks by style attributes, and saves a picture by way of a blob.
            f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; "
            "base-uri 'none'; form-action 'none'"
        ),
        style=Markup(style.decode()),  # noqa: S704 - a file of this package
        script=None if plotly is None else Markup(script.decode()),  # noqa: S704 - likewise
        plotly=None if plotly is None else Markup(plotly["packed"]),  # noqa: S704 - likewise
    )


def pack_plotly(target: Path = _PACKED) -> None:
    """Pack plotly.js into a file.

    Args:
        target: Where to; in its default place it is found.
    """
    target.write_text(json.dumps(_pack()))


def json_block(document: JsonObject) -> Markup:
    """Write JSON for a script element of type application/json, from which no text can break out."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_UNSAFE))  # noqa: S704 - no character of markup is left in it


def _plotly() -> dict[str, str]:
    try:
        packed: dict[str, str] = json.loads(_PACKED.read_text())
    except FileNotFoundError:
        return _pack()
    return packed


def _pack() -> dict[str, str]:
    plotly = _ASSETS.joinpath(_PLOTLY).read_bytes()
    return {
        "hash": _hash(plotly),
        "packed": b64encode(gzip.compress(plotly, _COMPRESSION, mtime=0)).decode(),
    }


def _hash(script: bytes) -> str:
    return f"'sha256-{b64encode(sha256(script).digest()).decode()}'"
