"""Every command with its arguments, options and exit codes, read from the command line itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from config.errors import NightdeskError
from daemon.cli.app import app
from trainers import registry

INTRODUCTION = """\
# Commands

Generated from the command line by `python -m tests.golden.regenerate_docs`; a test compares.

A command that only reads asks the running desk, or reads its records when none runs. A command that changes something
asks the running desk to do it; with none running it does the work itself. The home is `--home`, else
`$NIGHTDESK_HOME`, else the working directory. `--symbols` and `--model-type` take several values, as in
`--symbols AAPL MSFT`.
"""
# Exit codes that are not of an error class.
CODES = {0: "Done.", 1: "Failed, wholly or in part.", 130: "Interrupted with Ctrl-C."}


def reference() -> str:
    """The reference as Markdown."""
    root: Any = get_command(app)
    parts = [
        INTRODUCTION,
        _exit_codes(),
        "## Options of every command\n",
        "Before or after its name.\n",
        _options(root),
    ]
    for name, command in _commands(root, "nightdesk"):
        parts += [f"## `{name}`\n", inspect.cleandoc(command.help or "") + "\n", _options(command)]
        if name == "nightdesk train":
            parts.append(_model_flags())
    return "\n".join(part for part in parts if part)


def names() -> set[str]:
    """The commands that a user may type, such as `data list`."""
    return {name.removeprefix("nightdesk ") for name, _ in _commands(get_command(app), "nightdesk")}


def _commands(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        yield f"{prefix} {name}", command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix} {name}")


def _options(command: Any) -> str:
    rows = [
        f"| {_spelling(parameter)} | {_default(parameter)} | {parameter.help or ''} |"
        for parameter in command.params
        if parameter.name != "help"
    ]
    return "\n".join(["| argument or option | default | meaning |", "|---|---|---|", *rows, ""]) if rows else ""


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`{'' if parameter.required else ' (optional)'}"
    value = "" if parameter.is_flag or parameter.count else f" {parameter.metavar or parameter.name.upper()}"
    return ", ".join(f"`{name}{value}`" for name in parameter.opts)


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    return f"`{parameter.default}`" if parameter.default not in (None, False, 0, (), True, "") else ""


def _exit_codes() -> str:
    family = [NightdeskError, *NightdeskError.__subclasses__()]
    codes = CODES | {error.exit_code: (inspect.getdoc(error) or "") for error in family if error.exit_code != 1}
    rows = [f"| {code} | {meaning} |" for code, meaning in sorted(codes.items())]
    return "\n".join(["## Exit codes\n", "| code | meaning |", "|---|---|", *rows, ""])


def _model_flags() -> str:
    """The flags that set params of model types, with the types that take them."""
    types: dict[str, list[str]] = {}
    helps: dict[str, str] = {}
    for model_type in registry.names():
        for declared in dict.fromkeys(registry.flags(model_type).values()):
            names = ", ".join(f"`{name}`" for name in declared.flag.names)
            helps[names] = declared.flag.help
            types.setdefault(names, []).append(f"`{model_type}`")
    rows = [f"| {names} | {helps[names]} | {', '.join(types[names])} |" for names in sorted(helps)]
    head = ["Params of model types, for this run only:\n", "| flag | meaning | model types |", "|---|---|---|"]
    return "\n".join([*head, *rows, ""])
