"""Reading tensors and JSON from untrusted files: checked, and never executed."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from config.errors import NightdeskError

Tensors = dict[str, NDArray[Any]]
Described = TypeVar("Described", bound=BaseModel)
MAX_JSON_BYTES = 16_000_000
# How pickles (protocol 2 and later), joblib's compressed ones and zip archives (torch) begin.
_EXECUTABLE = (b"\x80", b"PK", b"\x1f\x8b", b"x\x01", b"x^", b"x\x9c", b"x\xda", b"BZh", b"\xfd7z", b"\x04\x22\x4d\x18")
_HEADER_LENGTH = 8  # a safetensors file begins with its JSON header's length, little-endian
_DIGEST = "sha256"  # in the metadata of a file: of its tensors, and of the rest of the metadata


def tensor_bytes(tensors: Tensors, metadata: dict[str, Any]) -> bytes:
    """Arrays and a JSON-able document as the bytes of one safetensors file."""
    contiguous = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    document = json.dumps(metadata | {_DIGEST: _digest(contiguous, metadata)}, sort_keys=True)
    return save(contiguous, metadata={"nightdesk": document})


def read_tensors(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """The inverse of `tensor_bytes`. Pickles, truncated files and files whose digest does not match are refused.

    A file without a digest is accepted as it is.
    """
    data = _bytes(path)
    _refuse_executable(path.name, data)
    try:
        tensors, metadata = load(data), _metadata(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise corrupt(path.name, f"it is not a whole safetensors file ({error})") from error
    digest = metadata.pop(_DIGEST, None)
    if digest is not None and digest != _digest(tensors, metadata):
        raise corrupt(path.name, "its content is not what was written")
    return tensors, metadata


def _digest(tensors: Tensors, metadata: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(f"\n{name} {tensors[name].dtype} {tensors[name].shape}\n".encode())
        digest.update(tensors[name].data)
    return digest.hexdigest()


def _bytes(path: Path, max_bytes: float = math.inf) -> bytes:
    try:
        if path.stat().st_size > max_bytes:
            raise corrupt(path.name, f"it is larger than {max_bytes} bytes")
        return path.read_bytes()
    except OSError as error:
        raise corrupt(path.name, f"it cannot be read ({error.strerror})") from error


def _metadata(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:_HEADER_LENGTH], "little")
    header = json.loads(data[_HEADER_LENGTH : _HEADER_LENGTH + length])
    document = json.loads(header.get("__metadata__", {}).get("nightdesk", "{}"))
    if not isinstance(document, dict):
        raise TypeError("its metadata is not a JSON object")
    return document


def read_json(path: Path, max_bytes: float = MAX_JSON_BYTES) -> dict[str, Any]:
    """A JSON object from a file of bounded size."""
    data = _bytes(path, max_bytes)
    if data.startswith(_EXECUTABLE):
        raise unsafe(path.name)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise corrupt(path.name, f"it is not JSON ({error})") from error
    if not isinstance(document, dict):
        raise corrupt(path.name, "it is not a JSON object")
    return document


def described(name: str, kind: type[Described], document: Any) -> Described:
    """The document as its pydantic class; `model.corrupt` with the first mistake if it is invalid."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "/"
        raise corrupt(name, f"{where} in its description is wrong ({first['msg']})") from error


def json_bytes(document: dict[str, Any]) -> bytes:
    """A document as readable JSON, the same bytes for the same content; NaN has no place in it."""
    return (json.dumps(document, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def corrupt(name: str, problem: str) -> NightdeskError:
    """The error for a file with invalid content."""
    return NightdeskError(
        "model.corrupt",
        f"{name} cannot be used: {problem}.",
        "Take the model from a backup, or train it again.",
    )


def _refuse_executable(name: str, data: bytes) -> None:
    """Raise unless the file begins as safetensors does: a length that fits, then a JSON object."""
    length = int.from_bytes(data[:_HEADER_LENGTH], "little")
    looks_right = data[_HEADER_LENGTH : _HEADER_LENGTH + 1] == b"{"
    if looks_right and length <= len(data) - _HEADER_LENGTH:
        return
    if not looks_right and data.startswith(_EXECUTABLE):
        raise unsafe(name)
    raise corrupt(name, "it is not a whole safetensors file")


def is_executable(path: Path) -> bool:
    """Whether a file begins as pickles and archives do, and not as a whole safetensors file or a document does."""
    with path.open("rb") as file:
        head = file.read(_HEADER_LENGTH + 1)
    length = int.from_bytes(head[:_HEADER_LENGTH], "little")
    is_tensors = head.endswith(b"{") and length <= path.stat().st_size - _HEADER_LENGTH
    return head.startswith(_EXECUTABLE) and not is_tensors


def unsafe(name: str) -> NightdeskError:
    """The error for a pickle or an archive that may hold one."""
    return NightdeskError(
        "model.unsafe",
        f"{name} is a pickle, joblib or archive file; reading one runs whatever code is in it, so it is never read.",
        "Train the model here again, or take a file that was saved here.",
    )
