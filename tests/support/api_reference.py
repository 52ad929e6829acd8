"""Every address of the HTTP API with its parameters and answers, read from the API's own description."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config.paths import Home
from config.settings import Api
from daemon.api.app import create_app
from tests.support.desks.fake_desk import empty_desk

INTRODUCTION = """\
# API reference

Generated from the API's description by `python -m tests.golden.regenerate_docs`; a test compares. A running desk serves
the same as OpenAPI at `/api/v1/openapi.json`. How to call it: [api.md](api.md).

## Addresses
"""


def reference() -> str:
    """The reference as Markdown."""
    described = openapi()
    schemas = described["components"]["schemas"]
    addresses = [
        _address(method, path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    return "\n".join([INTRODUCTION, *addresses, "## Answers and bodies\n", *_schemas(schemas)])


def openapi() -> dict[str, Any]:
    """The description of the API of an empty desk."""
    with tempfile.TemporaryDirectory() as folder, empty_desk(Home(Path(folder))) as desk:
        return create_app(desk, None, Api()).openapi()


def _address(method: str, path: str, operation: dict[str, Any]) -> str:
    lines = [f"### {method.upper()} `{path}`\n", operation.get("description", operation["summary"]) + "\n"]
    if parameters := operation.get("parameters", []):
        lines += ["| parameter | in | type | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{p['name']}` | {p['in']} | {_type(p['schema'])} | {p.get('description', '')} |" for p in parameters
        ]
        lines.append("")
    if body := operation.get("requestBody"):
        lines.append(f"Body: {_content(body)}.\n")
    good = {code: _content(answer) for code, answer in operation["responses"].items() if code.startswith("2")}
    lines.append("Answers " + ", ".join(f"{code} {content}" for code, content in good.items()) + ".\n")
    return "\n".join(lines)


def _content(answer: dict[str, Any]) -> str:
    media, described = next(iter(answer.get("content", {"nothing": {}}).items()))
    return _type(described["schema"]) if media == "application/json" and described.get("schema") else f"`{media}`"


def _schemas(schemas: dict[str, Any]) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        introduction = " ".join(schema.get("description", "").split())
        rows = [
            f"| `{field}` | {_type(value)} | {' '.join(value.get('description', '').split())} |"
            for field, value in schema.get("properties", {}).items()
        ]
        yield "\n".join([f"### {name}\n", introduction, "", "| field | type | meaning |", "|---|---|---|", *rows, ""])


def _type(schema: dict[str, Any]) -> str:
    """The type of a value in a few words, with a link to a schema of its own."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_type(option) for option in options)
    if choices := schema.get("enum"):
        return ", ".join(f"`{choice}`" for choice in choices)
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or schema.get("const", "any"))
