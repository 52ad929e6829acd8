"""From a JSON file to settings; every mistake in it is told with its line, pointer, value and cure."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from config.document import Document, Pointer, parse, pointer_text
from config.errors import ConfigError
from config.settings import Settings

DEFAULT_CONFIG = Path(__file__).with_name("default.json")
MAX_BYTES = 1_000_000


def load_settings(path: Path | None = None) -> Settings:
    """Read settings from `path`, or the desk's own defaults without one."""
    return parse_settings(*read_config(path or DEFAULT_CONFIG))


def read_config(path: Path) -> tuple[str, str]:
    """The name and text of a config file, or a clear error."""
    name = path.name
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(
                "config.malformed",
                f"{name} is larger than {MAX_BYTES} bytes.",
                "A config is a few kilobytes.",
            )
        return name, path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(
            "config.missing",
            f"There is no config file {path}.",
            "Make one with `nightdesk init`, or mend --config.",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            "config.malformed", f"{name} is not UTF-8 text (byte {error.start}).", "Save it as UTF-8."
        ) from error
    except OSError as error:
        raise ConfigError(
            "config.unreadable",
            f"The config {name} cannot be read ({error.strerror}).",
            "Mend its permissions.",
        ) from error


def parse_settings(name: str, text: str) -> Settings:
    """Settings from a JSON text; `name` is how errors call it."""
    document = parse(name, text)
    if not isinstance(document.value, dict):
        document.fail(0, "the config must be a JSON object", "Begin it with { and end it with }.")
    try:
        return Settings.model_validate(document.value)
    except ValidationError as error:
        mistakes = [_mistake(document, _Mistake(**_facts(detail))) for detail in error.errors(include_url=False)]
        raise ConfigError(
            "config.invalid",
            f"{name}: " + " ".join(message for message, _ in mistakes),
            " ".join(dict.fromkeys(cure for _, cure in mistakes)),
            mistakes=[message for message, _ in mistakes],
        ) from error


class _Mistake(BaseModel):
    kind: str
    pointer: Pointer
    value: Any
    message: str


def _facts(detail: Any) -> dict[str, Any]:
    pointer = tuple(part for part in detail["loc"] if part != "[key]")
    return {
        "kind": detail["type"],
        "pointer": pointer,
        "value": detail.get("input"),
        "message": detail["msg"],
    }


def _mistake(document: Document, mistake: _Mistake) -> tuple[str, str]:
    where = f"{document.place(mistake.pointer)}: {pointer_text(mistake.pointer)}"
    if mistake.kind == "extra_forbidden":
        return f"{where} is not a known key.", _nearest(mistake.pointer)
    value = json.dumps(mistake.value, default=str)
    shown = value if len(value) <= 80 else value[:77] + "..."
    message = mistake.message.removeprefix("Value error, ").removeprefix("Input ")
    return f"{where} is {shown}: {message}.", f"Correct {pointer_text(mistake.pointer)}."


def _nearest(pointer: Pointer) -> str:
    known = _keys_at(pointer[:-1])
    key = str(pointer[-1])
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Remove {key!r}; known here: {', '.join(sorted(known))}."


def _keys_at(pointer: Pointer) -> list[str]:
    schema = Settings.model_json_schema()
    definitions = schema.get("$defs", {})
    node: dict[str, Any] = schema
    for part in pointer:
        child = node.get("properties", {}).get(part) or node.get("additionalProperties") or node.get("items") or {}
        options = [child, *child.get("anyOf", [])]
        named = next((option["$ref"] for option in options if "$ref" in option), None)
        node = definitions[named.rsplit("/", 1)[-1]] if named else child
    return list(node.get("properties", {}))
