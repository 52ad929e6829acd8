"""Entity tags of HTTP answers: a client that has the present one is not sent the body."""

from __future__ import annotations

import hashlib


def etag(body: bytes) -> str:
    """The strong validator of a body."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def matches(if_none_match: str, tag: str) -> bool:
    """Whether a client that sent `If-None-Match` already holds `tag`."""
    tags = {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
    return tag in tags or "*" in tags
