"""What makes an HTML report whole: its style, its script and plotly.js, all within the file.

plotly.js is packed (gzip, base64), which the browser unpacks, so that a report takes less than half the room. The
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
    style, script, plotly = (_ASSETS.joinpath(name).read_bytes() for name in ("report.css", "report.js", _PLOTLY))
    scripts = f"{_hash(script)} {_hash(plotly)}" if charts else "'none'"
    return Assets(
        policy=(
            # plotly.js places its marks by style attributes, and saves a picture by way of a blob.
            f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; "
            "base-uri 'none'; form-action 'none'"
        ),
        style=Markup(style.decode()),  # noqa: S704 - a file of this package
        script=Markup(script.decode()) if charts else None,  # noqa: S704 - likewise
        plotly=Markup(b64encode(gzip.compress(plotly, _COMPRESSION, mtime=0)).decode()) if charts else None,  # noqa: S704 - likewise
    )


def json_block(document: JsonObject) -> Markup:
    """Write JSON for a script element of type application/json, from which no text can break out."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_UNSAFE))  # noqa: S704 - no character of markup is left in it


def _hash(script: bytes) -> str:
    return f"'sha256-{b64encode(sha256(script).digest()).decode()}'"
