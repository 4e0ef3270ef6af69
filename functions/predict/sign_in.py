"""The page at the API's root, on which people sign in with a key; programs get JSON there."""

import base64
import re
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

_PAGE = Path(__file__).parent / "sign_in.html"
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)
_MEDIA_TYPE = "text/html"


def is_wanted(accept: str | None) -> bool:
    """Say whether a caller asks for a page, as browsers do, by its Accept header."""
    return accept is not None and _MEDIA_TYPE in accept.lower()


@lru_cache(maxsize=1)
def page() -> str:
    """Read the page, which holds all that it needs."""
    return _PAGE.read_text()


@lru_cache(maxsize=1)
def headers() -> dict[str, str]:
    """The page's headers: nothing runs on it but what it holds, and it sends nothing anywhere else."""
    policy = {
        "default-src": "'none'",
        "script-src": _hashes("script"),
        "style-src": _hashes("style"),
        "img-src": "data:",
        "connect-src": "'self'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{what} {where}" for what, where in policy.items()),
        "Cache-Control": "no-cache",
        "Referrer-Policy": "same-origin",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def _hashes(element: str) -> str:
    contents = [match[2].encode() for match in _INLINE.finditer(page()) if match[1] == element]
    return " ".join(f"'sha256-{base64.b64encode(sha256(content).digest()).decode()}'" for content in contents)
