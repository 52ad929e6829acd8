"""The manifest of a model version: its recipe, its training data, and the sha256 of every file."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from config.errors import NightdeskError
from config.section import Section

MANIFEST = "manifest.json"
FORMAT: Literal[2] = 2
MAX_MANIFEST_BYTES = 4_000_000
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
MEMBERS = "members"
_NAME = r"[a-z][a-z0-9_]{0,63}"
# A plain name with one of the two suffixes that hold no code; a member's files lie one folder deeper.
_SAFE_FILE = re.compile(rf"({MEMBERS}/{_NAME}/)?{_NAME}\.(safetensors|json)")


class FileEntry(Section):
    """One file of a model version."""

    sha256: Sha256
    bytes: int = Field(ge=0)


class DatasetEntry(Section):
    """One dataset that a version was trained on: bars of a symbol, or another kind of input."""

    kind: str
    name: str
    source: str
    interval: str | None = None
    sha256: str
    rows: int | None = None  # None in manifests of format 1
    first: datetime | None = None
    last: datetime | None = None


class Manifest(Section):
    """Everything that is recorded of a model version; readable without loading the model."""

    format: Literal[1, 2] = FORMAT
    subject: str
    model_type: str
    version: str
    recipe: str | None = None  # trainers.recipe names it; None in format 1
    training_window: int | None = None  # days of history that the recipe asks for; None in older manifests
    params: dict[str, Any]
    features: list[str]
    dataset: str  # the id of the dataset, or the sha256 of all of them where there are several
    datasets: tuple[DatasetEntry, ...] = Field(strict=False)
    members: dict[str, Sha256] = Field(
        default_factory=dict
    )  # the model types it is made of, each with the sha256 of its manifest
    provenance: str
    train_start: datetime
    train_end: datetime
    trained_at: datetime
    settings_fingerprint: str
    code_version: str
    libraries: dict[str, str]
    seed: int
    device: str
    metrics: dict[str, Any]
    issues: dict[str, Any] = Field(default_factory=dict)  # what of the training data could not be used
    reference: dict[str, Any] | None = None  # evaluation.monitoring.drift.Reference; None for what is older than that
    leaks: dict[str, Any] | None = None  # its leak audit; None for what was trained before there was one
    golden_bars: int = Field(ge=1)
    files: dict[str, FileEntry]

    @property
    def bar_kinds(self) -> set[tuple[str, str | None]]:
        """The sources and intervals of the bars it was trained on."""
        return {(entry.source, entry.interval) for entry in self.datasets if entry.kind == "bars"}


def sha256_file(path: Path) -> str:
    """The sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest_sha256(folder: Path) -> str:
    """The sha256 of the manifest, which identifies the whole content of a model version."""
    return sha256_file(_present(folder / MANIFEST))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the model in `folder`, validated; the other files are not read."""
    path = _present(folder / MANIFEST)
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise _broken(folder, f"its {MANIFEST} is larger than {MAX_MANIFEST_BYTES} bytes")
    try:
        manifest = Manifest.model_validate_json(_from_format_1(path.read_bytes()))
    except ValidationError as error:
        raise _not_a_manifest(folder, error) from error
    for name in manifest.files:
        _refuse_name(folder, name)
    return manifest


def _from_format_1(data: bytes) -> bytes:
    """A manifest of format 1 (of one symbol and its bars) as one of format 2; any other unchanged."""
    try:
        document = json.loads(data)
        symbol, interval, source = (document.pop(name) for name in ("symbol", "interval", "source"))
        bars = {"kind": "bars", "name": symbol, "source": source, "interval": interval, "sha256": document["dataset"]}
        return json.dumps({**document, "subject": symbol, "datasets": [bars]}).encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # validation reports what is wrong
        return data


def verify_files(folder: Path, manifest: Manifest, expect_manifest_sha256: str | None = None) -> None:
    """Raise unless `folder` holds exactly the files of its manifest, as plain files with the recorded hashes."""
    if expect_manifest_sha256 is not None:
        _verify_manifest(folder, expect_manifest_sha256)
    refuse_unlisted(folder, manifest)
    _verify_content(folder, manifest)


def verify_listed(folder: Path, manifest: Manifest, expect_manifest_sha256: str) -> None:
    """The same, but whatever else lies in the folder is no damage: nobody reads it."""
    _verify_manifest(folder, expect_manifest_sha256)
    _verify_content(folder, manifest)


def refuse_unlisted(folder: Path, manifest: Manifest) -> None:
    """Raise where a folder holds a file that its manifest does not list."""
    for name in sorted(_files_of(folder) - {MANIFEST} - manifest.files.keys()):
        _refuse_name(folder, name)
        raise _broken(folder, f"the file {name!r} is not in its manifest")


def _verify_manifest(folder: Path, sha256: str) -> None:
    if manifest_sha256(folder) != sha256:
        raise _broken(folder, f"its {MANIFEST} is not the one that was published")


def _verify_content(folder: Path, manifest: Manifest) -> None:
    for name, entry in manifest.files.items():
        path = _present(folder / name)
        if path.stat().st_size != entry.bytes or sha256_file(path) != entry.sha256:
            raise _broken(folder, f"the file {name} was changed after it was published")


def _files_of(folder: Path) -> set[str]:
    """The relative names of the files in a folder and in its members, and of any other entries."""
    names = set()
    for entry in os.scandir(folder):
        if entry.name == MEMBERS and entry.is_dir(follow_symlinks=False):
            entries = (path for path in Path(entry.path).rglob("*") if path.is_symlink() or not path.is_dir())
            names |= {path.relative_to(folder).as_posix() for path in entries}
        else:
            names.add(entry.name)
    return names


def _present(path: Path) -> Path:
    """`path`, if it is a plain file and not a link or a device."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError as error:
        raise NightdeskError(
            "model.missing",
            f"The model {_called(path.parent)} has no {path.name}.",
            "Restore it from a backup, or train it again.",
        ) from error
    if not stat.S_ISREG(mode):
        raise _broken(path.parent, f"{path.name} is not a plain file")
    return path


def _refuse_name(folder: Path, name: str) -> None:
    if not _SAFE_FILE.fullmatch(name):
        raise NightdeskError(
            "model.unsafe",
            f"The model {_called(folder)} holds {name!r}; a model is made of .safetensors and .json files only.",
            "Do not load it. Restore the model from a backup, or train it again.",
        )


def _not_a_manifest(folder: Path, error: ValidationError) -> NightdeskError:
    mistakes = error.errors(include_url=False, include_context=False)
    if any(mistake["loc"] == ("format",) for mistake in mistakes):
        return NightdeskError(
            "model.format",
            f"The model {_called(folder)} has a format that this version cannot read (it reads 1 and 2).",
            "Update Nightdesk to the version that trained it, or train it again.",
        )
    first = mistakes[0]
    return _broken(folder, f"its {MANIFEST} is wrong at {'.'.join(map(str, first['loc'])) or '/'}: {first['msg']}")


def _broken(folder: Path, problem: str) -> NightdeskError:
    return NightdeskError(
        "model.corrupt",
        f"The model {_called(folder)} cannot be used: {problem}.",
        "It is never served like this. Restore it from a backup, or train it again.",
    )


def _called(folder: Path) -> str:
    """The subject, model type and version by which a reader knows the folder; no path of the machine."""
    return "/".join(folder.parts[-3:])
