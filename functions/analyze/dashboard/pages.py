"""The dashboard's web pages and what they are made of, served out of the package."""

import gzip
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path

from fastapi import Request, Response

from bakeoff_core.errors import NotFound

_FOLDER = Path(__file__).parent / "web"
_ELSEWHERE = {"plotly.js": Path(__file__).parents[1] / "rendering" / "assets" / "plotly-cartesian.min.js"}

_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

# An asset's name holds its bundle's version, so that a name never changes its content.
_VERSIONED = re.compile(r"([\w-]+)\.([0-9a-f]{12})(\.\w+)", re.ASCII)
_IMPORT = re.compile(r'(?<=")\./([\w-]+\.js)(?=")', re.ASCII)
_REFERENCE = re.compile(r'(?<=")asset:([\w.-]+)(?=")', re.ASCII)
_ROOT = "root:"

# Plotly makes an empty style element, whose rules it then sets through the object model: the hash is that of no text.
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
_SECURITY = {
    "Content-Security-Policy": "; ".join(f"{what} {where}" for what, where in _POLICY.items()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_FOR_EVER = "private, max-age=31536000, immutable"
_ASK_AGAIN = "private, no-cache"


class PageNotFound(NotFound):
    """The dashboard has no such file."""


@dataclass(frozen=True)
class File:
    """One file as it is served."""

    content: bytes
    content_type: str

    @cached_property
    def compressed(self) -> bytes:
        """The content in gzip, the same bytes whenever it is made."""
        return gzip.compress(self.content, compresslevel=9, mtime=0)

    @cached_property
    def digest(self) -> str:
        """What tells this content from any other."""
        return sha256(self.content).hexdigest()[:32]


@lru_cache(maxsize=1)
def bundle_version() -> str:
    """Name the version of all files together: each refers to others, so that all change their names at once."""
    digest = sha256()
    for path in (*sorted(_FOLDER.iterdir()), *_ELSEWHERE.values()):
        digest.update(f"{path.name}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def asset_name(name: str) -> str:
    """Make the name that an asset is served under: list.js becomes list.3f09c2a1b4d5.js."""
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.{bundle_version()}.{suffix}"


@lru_cache(maxsize=64)
def page(name: str, root: str) -> File:
    """Read a page.

    Args:
        name: Its file name.
        root: The way from the page to the API's root, such as "../".
    """
    html = (_FOLDER / name).read_text()
    html = _REFERENCE.sub(lambda match: f"{root}dashboard/{asset_name(match[1])}", html)
    return File(html.replace(f'"{_ROOT}', f'"{root}').encode(), _CONTENT_TYPES[".html"])


@lru_cache(maxsize=64)
def asset(name: str) -> File:
    """Read a style sheet, script or picture by the name of its file.

    Raises:
        PageNotFound: There is none.
    """
    path = _ELSEWHERE.get(name, _FOLDER / name)
    if path.suffix == ".html" or path.suffix not in _CONTENT_TYPES or not path.is_file():
        raise PageNotFound(f"file: the dashboard has no file {name!r:.80}")
    content = path.read_bytes()
    if path.suffix == ".js" and name not in _ELSEWHERE:
        content = _IMPORT.sub(lambda match: f"./{asset_name(match[1])}", content.decode()).encode()
    return File(content, _CONTENT_TYPES[path.suffix])


def page_response(request: Request, name: str, root: str) -> Response:
    """Answer with a page, which browsers ask for again each time."""
    return _response(request, page(name, root), _ASK_AGAIN)


def asset_response(request: Request, requested: str) -> Response:
    """Answer with an asset, which browsers keep for ever where its name holds the present version.

    Raises:
        PageNotFound: There is none of that name.
    """
    versioned = _VERSIONED.fullmatch(requested)
    if versioned is None:
        return _response(request, asset(requested), _ASK_AGAIN)
    found = asset(f"{versioned[1]}{versioned[3]}")
    return _response(request, found, _FOR_EVER if versioned[2] == bundle_version() else _ASK_AGAIN)


def _response(request: Request, file: File, cache: str) -> Response:
    compress = "gzip" in request.headers.get("Accept-Encoding", "")
    tag = f'"{file.digest}{"-gzip" if compress else ""}"'
    headers = {**_SECURITY, "Cache-Control": cache, "ETag": tag, "Vary": "Accept-Encoding"}
    if tag in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    if compress:
        headers["Content-Encoding"] = "gzip"
    return Response(file.compressed if compress else file.content, media_type=file.content_type, headers=headers)
