"""Every key of the config with its default, its values and its meaning, read from the settings themselves."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from config.settings import JOBS, Settings

# Keys whose names the owner chooses, and what replaces those names in the reference.
OPEN = {"jobs": "jobs.<job>", "model_params": "model_params.<model type>"}
BOUNDS = {"minimum": ">= {}", "exclusiveMinimum": "> {}", "maximum": "<= {}", "exclusiveMaximum": "< {}"}
INTRODUCTION = f"""\
# Configuration

Generated from `config/settings` by `python -m tests.golden.regenerate_docs`; a test compares.

The config is `training_config.json` in the home, or the file that `--config` names. `nightdesk init` writes one.
Every key is optional and has a default; an unknown key is refused, with its line and the nearest key that exists.
A running desk reloads the file when it changes; a config with a mistake is refused and the settings before it stay.

A duration is text: `30s`, `15m`, `6h`, `7d`, or `hourly`, `daily`, `weekly`. A time of day is `HH:MM` in `time_zone`.
Relative paths start at the working directory of the desk. Secrets are never in the config: it refers to each as
`env:NAME`, an environment variable, or `file:PATH`; a secret that is written out, also in a URL, is refused.

The jobs are {", ".join(f"`{job}`" for job in JOBS)}.
A job of the night without a time of its own follows the one before it, and `records` follows the night; `promotion`
runs only when a person orders what serves.
"""


@dataclass(frozen=True)
class Key:
    """One key of the config."""

    name: str
    default: str
    values: str
    meaning: str


def defaults(model: type[BaseModel] = Settings, prefix: str = "") -> dict[str, str]:
    """Dotted key -> default as JSON; `required` where there is none."""
    return {key.name: key.default for _, _, keys in sections(model, prefix) for key in keys}


def reference() -> str:
    """The reference as Markdown."""
    return "\n".join([INTRODUCTION, *(_section(title, intro, keys) for title, intro, keys in sections())])


def sections(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, str, list[Key]]]:
    """Each section with its prefix, its docstring and its own keys, the outer ones first."""
    keys = []
    inner: list[tuple[type[BaseModel], str]] = []
    for name, field in model.model_fields.items():
        key = OPEN.get(f"{prefix}{name}", f"{prefix}{name}")
        listed = get_origin(field.annotation) is tuple
        below = sections_of(field.annotation)
        if listed or not below:
            keys.append(_key(model, key, name))
        inner += [(section, f"{key}[]." if listed else f"{key}.") for section in below]
    yield prefix.removesuffix("."), inspect.getdoc(model) or "", keys
    for section, below_prefix in inner:
        yield from sections(section, below_prefix)


def sections_of(annotation: Any) -> list[type[BaseModel]]:
    """The sections that an annotation holds: itself, the members of a union, the items of a list or of a dict."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for part in get_args(annotation) for section in sections_of(part)]


def _key(model: type[BaseModel], key: str, name: str) -> Key:
    field = model.model_fields[name]
    schema = model.model_json_schema()["properties"][name]
    return Key(key, _default(model, name, field), _values(schema), field.description or "")


def _default(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    if field.get_default(call_default_factory=True) is PydanticUndefined:
        return "required"
    blank = model.model_construct()
    return json.dumps(blank.model_dump(mode="json", include={name})[name])


def _values(schema: dict[str, Any]) -> str:
    """What a key takes, in a few words."""
    if options := schema.get("anyOf"):
        return " or ".join(_values(option) for option in options)
    if choices := schema.get("enum", [schema["const"]] if "const" in schema else None):
        return ", ".join(f"`{json.dumps(choice)}`" for choice in choices)
    if schema.get("format") == "duration":
        return "duration"
    if schema.get("type") == "array":
        return "list of text" if schema["items"].get("type") == "string" else "list of objects"
    words = {"string": "text", "null": "`null`", "boolean": "`true`, `false`"}
    kind = words.get(schema.get("type", "object"), schema.get("type", "object"))
    bounds = ", ".join(text.format(schema[bound]) for bound, text in BOUNDS.items() if bound in schema)
    return f"{kind} {bounds}".strip()


def _section(title: str, introduction: str, keys: list[Key]) -> str:
    heading = f"## `{title}`" if title else "## Top level"
    rows = [f"| `{key.name}` | `{key.default}` | {key.values} | {key.meaning} |" for key in keys]
    table = ["| key | default | values | meaning |", "|---|---|---|---|", *rows, ""] if rows else []
    return "\n".join([heading, "", introduction, "", *table])
