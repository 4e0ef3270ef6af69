"""The API's own documentation: one OpenAPI document for all routes, and a page that renders it from this origin alone.

`openapi.json` is written by `python -m scripts.openapi`, out of the routes of every function.
"""

import gzip
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse

from bakeoff_core.errors import NotFound
from bakeoff_core.validation import NAME_PATTERN

_ASSETS = Path(__file__).parent / "assets"
_MEDIA_TYPES = {
    "start.js": "text/javascript; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
}
_JSON = "application/json"

# What the page asks for has the version of its contents in its address, so it never changes.
_FOR_EVER = "private, max-age=31536000, immutable"
# A browser may keep the document, and asks each time whether it is still the same.
_ASK_AGAIN = "private, no-cache"

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

FileName = Annotated[str, PathParameter(pattern=NAME_PATTERN)]


def add_documentation(app: FastAPI) -> None:
    """Add the document, the page and the files that the page is made of.

    Args:
        app: Gets the routes.
    """

    @app.get("/docs", response_class=HTMLResponse)
    async def read_documentation() -> HTMLResponse:
        """Render the OpenAPI document as a page."""
        page = (_ASSETS / "index.html").read_text().replace("{version}", _version())
        headers = {"Content-Security-Policy": _CONTENT_SECURITY_POLICY, "Cache-Control": _ASK_AGAIN, **_SAFE}
        return HTMLResponse(page, headers=headers)

    @app.get(
        "/docs/{file}",
        response_class=Response,
        responses={200: {"content": {"text/javascript": {}, "text/css": {}}}},
    )
    async def read_documentation_file(file: FileName, request: Request) -> Response:
        """Read a file that the page is made of."""
        if file not in _MEDIA_TYPES:
            raise NotFound("file: the documentation has no such file")
        return _answer(request, file, _MEDIA_TYPES[file], {"Cache-Control": _FOR_EVER})

    @app.get(
        "/openapi.json",
        response_class=Response,
        responses={
            200: {"content": {_JSON: {"schema": {"type": "object", "required": ["openapi", "info", "paths"]}}}},
            304: {"description": "The caller holds this document already."},
        },
    )
    async def read_openapi_document(request: Request) -> Response:
        """Read the OpenAPI document of all routes."""
        tag = f'"{_digest("openapi.json")}"'
        headers = {"Cache-Control": _ASK_AGAIN, "ETag": tag}
        held = {each.strip().removeprefix("W/") for each in request.headers.get("If-None-Match", "").split(",")}
        if tag in held:
            return Response(status_code=304, headers=headers)
        return _answer(request, "openapi.json", _JSON, headers)


def _answer(request: Request, file: str, media_type: str, headers: dict[str, str]) -> Response:
    headers = {**headers, **_SAFE, "Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return Response((_ASSETS / file).read_bytes(), media_type=media_type, headers=headers)
    return Response(_compressed(file), media_type=media_type, headers={**headers, "Content-Encoding": "gzip"})


@cache
def _compressed(file: str) -> bytes:
    return gzip.compress((_ASSETS / file).read_bytes(), mtime=0)


@cache
def _digest(*files: str) -> str:
    digest = blake2b(digest_size=12)
    for file in files:
        digest.update((_ASSETS / file).read_bytes())
    return digest.hexdigest()


def _version() -> str:
    return _digest(*sorted(_MEDIA_TYPES))
