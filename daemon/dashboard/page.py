"""The page and its few files, from memory. They hold no data, so they are open to everybody who can reach the desk."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, Response

from config.errors import NightdeskError
from daemon.domain.etags import etag, matches

STATIC = Path(__file__).with_name("static")
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class StaticFile:
    """One file of the page, read once."""

    def __init__(self, path: Path) -> None:
        self.body = path.read_bytes()
        self.media_type = MEDIA_TYPES[path.suffix]
        self.etag = etag(self.body)

    def response(self, request: Request) -> Response:
        """The file, or 304 for a browser that has it."""
        headers = {"ETag": self.etag, "Cache-Control": "no-cache"}
        if matches(request.headers.get("if-none-match", ""), self.etag):
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers=headers, media_type=self.media_type)


def router() -> APIRouter:
    """The page at `/`, and what it needs below `/static/`."""
    files = {path.name: StaticFile(path) for path in STATIC.iterdir() if path.suffix in MEDIA_TYPES}
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def page(request: Request) -> Response:
        return files["page.html"].response(request)

    @routes.get("/static/{name}")
    async def static(name: str, request: Request) -> Response:
        if name not in files:
            raise NightdeskError("route.unknown", "Nothing is served at this address.", "See /.")
        return files[name].response(request)

    return routes
