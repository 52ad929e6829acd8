"""Model versions as they lie on disk and in the ledger, without the cost of training one."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime

from sqlalchemy import Connection

from config.paths import Home
from daemon.store import versions
from daemon.store.versions import Version
from trainers.manifest import MANIFEST, DatasetEntry, FileEntry, Manifest, manifest_sha256

NOW = datetime(2026, 1, 5, 3, tzinfo=UTC)


def write_model(home: Home, symbol: str, version: str, size: int = 2000) -> str:
    """A whole model folder with weights that nobody can load; returns the sha256 of its manifest."""
    folder = home.model(symbol, "cloner", version)
    folder.mkdir(parents=True)
    weights = random.Random(f"{symbol}{version}").randbytes(size)
    (folder / "weights.safetensors").write_bytes(weights)
    manifest = Manifest(
        subject=symbol,
        datasets=(DatasetEntry(kind="bars", name=symbol, source="sample", interval="1d", sha256="d" * 64),),
        model_type="cloner",
        version=version,
        params={},
        features=["rsi"],
        dataset="d" * 64,
        provenance="sample",
        train_start=NOW,
        train_end=NOW,
        trained_at=NOW,
        settings_fingerprint="f" * 64,
        code_version="0",
        libraries={},
        seed=1,
        device="cpu",
        metrics={},
        golden_bars=1,
        files={"weights.safetensors": FileEntry(sha256=hashlib.sha256(weights).hexdigest(), bytes=size)},
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
    return manifest_sha256(folder)


def record_model(c: Connection, symbol: str, version: str, sha256: str) -> Version:
    """The row of that model."""
    row = versions.add_version(
        c,
        versions.NewVersion(
            subject=symbol,
            model_type="cloner",
            version=version,
            manifest_sha256=sha256,
            provenance="sample",
            dataset="d" * 64,
            train_start=NOW,
            train_end=NOW,
            trained_at=NOW,
            run_id=None,
            metrics={},
        ),
    )
    if row is None:
        raise LookupError(f"the version {version} exists")
    return row
