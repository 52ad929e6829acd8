"""A JSON document kept ready in memory, so that reading it costs nothing while training keeps the cores busy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request, Response

from daemon.domain.etags import etag, matches

# How old a document may be when nothing was written meanwhile: progress and expiry move without a write.
FRESH = 1.0
# How old it may be and still be handed out while the next one is being built.
USABLE = 5.0


@dataclass(frozen=True)
class Document:
    """The bytes of one answer, and what they were built from."""

    body: bytes
    etag: str
    version: int
    built: float

    def response(self, request: Request) -> Response:
        """These bytes, or 304 for a client that has them."""
        headers = {"ETag": self.etag, "Cache-Control": "private, no-cache"}
        if matches(request.headers.get("if-none-match", ""), self.etag):
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers=headers, media_type="application/json")


class Snapshot:
    """Builds a document anew when the database has changed, and at most once a second else; one build at a time."""

    def __init__(self, build: Callable[[], bytes], version: Callable[[], int]) -> None:
        self._build = build
        self._version = version
        self._document: Document | None = None
        self._building: asyncio.Task[Document] | None = None

    async def get(self) -> Document:
        """The document; it contains every write that had ended when this was called."""
        document = self._document
        if document is None or document.version != self._version():
            return await self._current()
        age = time.monotonic() - document.built
        if age > USABLE:
            return await self._rebuilt()
        if age > FRESH:
            self._start()
        return document

    async def _current(self) -> Document:
        latest = self._version()
        document = await self._rebuilt()
        # A build that had begun before the write does not show it: one more does.
        return document if document.version >= latest else await self._rebuilt()

    async def _rebuilt(self) -> Document:
        # Shielded: a client that goes away must not break the build for those who wait with it.
        return await asyncio.shield(self._start())

    def _start(self) -> asyncio.Task[Document]:
        if self._building is None or self._building.done():
            self._building = asyncio.create_task(self._rebuild())
            self._building.add_done_callback(_retrieve_failure)
        return self._building

    async def _rebuild(self) -> Document:
        version, built = self._version(), time.monotonic()
        body = await asyncio.to_thread(self._build)
        self._document = Document(body, etag(body), version, built)
        return self._document


def _retrieve_failure(task: asyncio.Task[Document]) -> None:
    """Retrieve the failure of a build nobody awaits, so that asyncio does not log it; the next reader builds again."""
    if not task.cancelled():
        task.exception()
