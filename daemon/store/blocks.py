"""Rows of a table as blocks of compressed JSON lines. Nothing here needs SQLAlchemy, which is slow to import.

The first line of a block names the columns, each further line is a row.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from config.errors import NightdeskError

MAX_BLOCK = 256 * 2**20  # bytes of one block, uncompressed


def packed(lines: Iterable[list[Any]]) -> bytes:
    """The names of the columns and the rows as a block."""
    return zlib.compress("\n".join(map(_ENCODER.encode, lines)).encode(), 6)


def rows_of(blocks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The rows in some blocks of a table, by the names of their columns; times are ISO 8601."""
    for block in blocks:
        columns, *rows = map(json.loads, _unpacked(block).split("\n"))
        for row in rows:
            yield dict(zip(columns, row, strict=True))


def known_models(blocks: Iterable[bytes]) -> set[tuple[str, str, str, str]]:
    """Subject, model type, version and sha256 of the manifest in blocks of model versions, of whatever revision."""
    return {
        (
            row["subject"] if "subject" in row else row["symbol"],
            row["model_type"],
            row["version"],
            row["manifest_sha256"],
        )
        for row in rows_of(blocks)
    }


def damaged_block(problem: str) -> NightdeskError:
    """The error for a database in a backup that is not what was written."""
    return NightdeskError(
        "backup.damaged", f"The database in the backup cannot be used: {problem}.", "Use another backup."
    )


def _instant(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"a {type(value).__name__} is no value of a column")


# One for all rows: making an encoder takes longer than encoding a row.
_ENCODER = json.JSONEncoder(default=_instant, separators=(",", ":"), ensure_ascii=False)


def _unpacked(block: bytes) -> str:
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(block, MAX_BLOCK)
    except zlib.error as error:
        raise damaged_block(f"a block cannot be unpacked: {error}") from error
    if not unpacking.eof:
        raise damaged_block("a block is torn or too large")
    return data.decode()
