"""Seeds from names."""

from __future__ import annotations

import hashlib


def seed_of(*parts: object) -> int:
    """A seed that is the same on every machine."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:16], "big")
