"""From a JSON file to settings; every mistake in it is reported with its line, pointer, value and cure."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from config.document import Document, Pointer, parse, pointer_text
from config.errors import ConfigError
from config.paths import Home
from config.settings import Settings
from config.settings.older_keys import OLDER_KEYS
from config.settings.references import REFERENCE_CURE, WRITTEN_OUT

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

DEFAULT_CONFIG = Path(__file__).with_name("default.json")
MAX_BYTES = 1_000_000
MAX_MISTAKES = 20  # that one error lists


def load_settings(path: Path | None = None) -> Settings:
    """Read settings from `path`, or the desk's own defaults without one."""
    return parse_settings(*read_config(path or DEFAULT_CONFIG))


def find_config(home: Home, path: Path | None = None) -> Path | None:
    """The config of a desk: `given`, else the home's own if it has one; None is the desk's own defaults."""
    return path or (home.config if home.config.exists() else None)


def read_config(path: Path) -> tuple[str, str]:
    """The name and text of a config file, or a clear error."""
    name = path.name
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError(
                "config.malformed",
                f"{name} is larger than {MAX_BYTES} bytes.",
                "A config is a few kilobytes; name the right file.",
            )
        return name, content.decode("utf-8-sig")
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
    """Settings from a JSON text; errors call it `name`."""
    document = parse(name, text)
    if not isinstance(document.value, dict):
        document.fail(0, "the config must be a JSON object", "Begin it with { and end it with }.")
    notes: dict[str, list[str]] = {OLDER_KEYS: []}
    try:
        settings = Settings.model_validate(document.value, context=notes)
    except ValidationError as error:
        details = _own_mistakes(error.errors(include_url=False))
        mistakes_and_cures = [_mistake(document, detail) for detail in details[:MAX_MISTAKES]]
        messages = [message for message, _ in mistakes_and_cures]
        if (others := len(details) - len(messages)) > 0:
            messages.append(f"There are {others} other mistakes.")
        raise ConfigError(
            "config.invalid",
            f"{name}, " + " ".join(messages),
            " ".join(dict.fromkeys(cure for _, cure in mistakes_and_cures)),
            mistakes=messages,
        ) from error
    return settings.with_notices(notes[OLDER_KEYS])


# pydantic's complaints about Python types, in the terms of JSON.
_KINDS = {
    "tuple_type": "should be a list, as in [...]",
    "dict_type": "should be an object, as in {...}",
    "model_type": "should be an object, as in {...}",
    "time_delta_type": 'should be a duration, such as "30s" or "6h"',
    "too_short": "should have at least one item",
    "string_type": "should be text in double quotes",
    "bool_type": "should be true or false",
    "int_type": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
}


_UNION_ERRORS = ("union_tag_invalid", "union_tag_not_found")


def _own_mistakes(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """The details without those that blame a list or object for what one of its items is blamed for already."""
    outer = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    return [detail for detail in details if detail["loc"] not in outer]


def _mistake(document: Document, detail: ErrorDetails) -> tuple[str, str]:
    bad_key = detail["type"] == "literal_error" and detail["loc"][-1] == "[key]"
    pointer = _pointer(document.value, detail["loc"][:-1] if bad_key else detail["loc"], detail["type"])
    if detail["type"] in _UNION_ERRORS:
        return _wrong_kind(document, pointer, detail)
    where = f"{document.place(pointer)}: {pointer_text(pointer)}"
    if bad_key or detail["type"] == "extra_forbidden":
        return f"{where} is not a known key.", _nearest(pointer)
    if detail["type"] == "missing":
        return f"{where} is missing.", f"Add {pointer_text(pointer)}."
    if detail["type"] == WRITTEN_OUT:
        return f"{where} {detail['msg']}.", REFERENCE_CURE
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return (
        f"{where} {_value_text(detail)}{_KINDS.get(detail['type'], message)}.",
        f"Correct {pointer_text(pointer)}.",
    )


def _pointer(value: Any, loc: Pointer, error: str) -> Pointer:
    """Where in the document a mistake is: `loc` without the kinds by which pydantic chose one of several sections."""
    pointer: list[str | int] = []
    for place, part in enumerate(loc):
        if isinstance(value, dict) and part not in value and not (place == len(loc) - 1 and error == "missing"):
            continue
        pointer.append(part)
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            value = None
    return tuple(pointer)


def _wrong_kind(document: Document, pointer: Pointer, detail: ErrorDetails) -> tuple[str, str]:
    """The mistake of a section whose `kind` is missing or unknown."""
    where, value = f"{document.place(pointer)}: {pointer_text(pointer)}", detail["input"]
    if not isinstance(value, dict):
        return f"{where} {_value_text(detail)}{_KINDS['model_type']}.", f"Correct {pointer_text(pointer)}."
    if detail["type"] == "union_tag_not_found":
        return f"{where} has no kind.", f"Write it as {pointer_text(pointer)}/kind."
    expected = detail["ctx"]["expected_tags"].replace("'", '"')
    kind = "" if isinstance(value["kind"], dict | list) else f"is {_short(value['kind'])}: "
    return f"{where}/kind {kind}should be {expected}.", f"Correct {pointer_text(pointer)}/kind."


def _value_text(detail: ErrorDetails) -> str:
    """The value, where it helps and is no secret: a whole list or object may hold one, and what stands in its place."""
    value = detail["input"]
    of_section = detail["type"] in ("model_type", "dict_type", *_UNION_ERRORS) and isinstance(value, str)
    if isinstance(value, dict | list) or of_section:
        return ""
    return f"is {_short(value)}: "


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _nearest(pointer: Pointer) -> str:
    keys = _keys_at(pointer[:-1])
    key = str(pointer[-1])
    close = difflib.get_close_matches(key, keys, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Remove {key!r}; known here: {', '.join(sorted(keys))}."


def _keys_at(pointer: Pointer) -> list[str]:
    """The keys that the settings know at `pointer`, read from their JSON schema."""
    schema = Settings.model_json_schema()
    nodes: list[dict[str, Any]] = [schema]
    for part in pointer:
        inner = "items" if isinstance(part, int) else "additionalProperties"
        children = [node.get("properties", {}).get(part) or node.get(inner) or {} for node in nodes]
        options = [option for child in children for option in (child, *child.get("anyOf", ()), *child.get("oneOf", ()))]
        named = [schema["$defs"][option["$ref"].rsplit("/", 1)[-1]] for option in options if "$ref" in option]
        nodes = named or children
    return [key for node in nodes for key in node.get("properties") or node.get("propertyNames", {}).get("enum", [])]
