"""The page and its few files, from memory."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

from fastapi import APIRouter, Request, Response

from config.errors import NightdeskError
from daemon.domain.etags import etag, matches

STATIC = Path(__file__).with_name("static")
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class StaticFile:
    """A file of the page in memory."""

    def __init__(self, body: bytes, media_type: str) -> None:
        self.body = body
        self.media_type = media_type
        self.etag = etag(self.body)

    def response(self, request: Request) -> Response:
        """The file, or 304 for a browser that has it."""
        headers = {"ETag": self.etag, "Cache-Control": "no-cache"}
        if matches(request.headers.get("if-none-match", ""), self.etag):
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers=headers, media_type=self.media_type)


def router(root_path: str, signed_in: Callable[[Request], bool]) -> APIRouter:
    """The page at `/`, which lets those sign out who have signed in, and what it needs below `/static/`."""
    files = {
        path.name: StaticFile(path.read_bytes(), MEDIA_TYPES[path.suffix])
        for path in STATIC.iterdir()
        if path.suffix in MEDIA_TYPES
    }
    pages = {shown: _page(root_path, sign_out=shown) for shown in (False, True)}
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def page(request: Request) -> Response:
        return pages[signed_in(request)].response(request)

    @routes.get("/static/{name}")
    async def static(name: str, request: Request) -> Response:
        if name not in files:
            raise NightdeskError("route.unknown", "Nothing is served at this address.", "See /.")
        return files[name].response(request)

    return routes


def _page(root_path: str, *, sign_out: bool) -> StaticFile:
    text = (STATIC / "page.html").read_text("utf-8")
    text = text.replace("{{root}}", html.escape(root_path)).replace("{{no_sign_out}}", "" if sign_out else "hidden")
    return StaticFile(text.encode(), "text/html; charset=utf-8")
