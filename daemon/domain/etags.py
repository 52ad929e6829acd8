"""Entity tags of HTTP answers: what a client holds need not be sent again."""

from __future__ import annotations

import hashlib


def etag(body: bytes) -> str:
    """The strong validator of a body."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def matches(if_none_match: str, tag: str) -> bool:
    """Whether a client that sent `If-None-Match` already holds `tag`."""
    held = {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
    return tag in held or "*" in held
