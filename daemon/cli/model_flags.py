"""The flags of `nightdesk train` that set params of model types; each model type declares its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand

from config.errors import UsageError
from trainers import registry
from trainers.flags import ParamFlag, nested, spelling

# What a command needs for its extra words to reach `model_params`.
EXTRA_WORDS = {"allow_extra_args": True, "ignore_unknown_options": True}


class CommandWithModelFlags(TyperCommand):
    """A command whose help ends with the flags of every model type."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        super().format_help(ctx, formatter)
        for line in _help_lines():
            typer.echo(line)


def model_params(context: typer.Context, model_types: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The params that the extra words of a command set, by model type; a flag goes to each type that declares it."""
    values: dict[str, dict[tuple[str, ...], Any]] = {}
    flags = {model_type: registry.flags(model_type) for model_type in model_types} if context.args else {}
    words = deque(context.args)
    while words:
        name, equals, text = words.popleft().partition("=")
        declared = {
            kind: type_flags[spelling(name)] for kind, type_flags in flags.items() if spelling(name) in type_flags
        }
        if not name.startswith("--") or not declared:
            _refuse(name, context, flags)
        if not equals:
            text = _value(name, words, declared.values())
        for model_type, flag in declared.items():
            values.setdefault(model_type, {})[flag.path] = flag.value(text)
    return {model_type: nested(params) for model_type, params in values.items()}


def _value(name: str, words: deque[str], flags: Iterable[ParamFlag]) -> str:
    """The word after a flag; a switch may do without."""
    if words and not words[0].startswith("--"):
        return words.popleft()
    if all(flag.is_switch for flag in flags):
        return "true"
    raise UsageError("option.no_value", f"{name} has no value.", f"Write {name} and its value after it.")


def _refuse(name: str, context: typer.Context, flags: dict[str, dict[str, ParamFlag]]) -> NoReturn:
    own = [option for parameter in context.command.params for option in parameter.opts]
    all_flags = sorted({flag for declared in flags.values() for flag in declared})
    alike = get_close_matches(spelling(name), [*own, *all_flags], n=1)
    hint = f"Did you mean {alike[0]}? " if alike else ""
    raise UsageError(
        "option.unknown",
        f"`{context.info_name}` has no option {name!r} for {', '.join(flags)}.",
        f"{hint}Their flags are {', '.join(all_flags) or 'none'}; `nightdesk {context.info_name} --help` lists all.",
    )


def _help_lines() -> Iterable[str]:
    """Each flag with its help, and the flags of each model type."""
    by_type = {name: registry.flags(name) for name in registry.names()}
    helps = {"/".join(param.flag.names): param.flag.help for flags in by_type.values() for param in flags.values()}
    width = max(map(len, helps), default=0)
    yield " Flags of model types, which set their params for this run:"
    yield from (f"   {names:{width}}  {text}" for names, text in sorted(helps.items()))
    yield " By model type:"
    width = max(map(len, by_type), default=0)
    for model_type, flags in by_type.items():
        names = dict.fromkeys(param.flag.names[0] for param in flags.values())
        yield f"   {model_type:{width}}  {' '.join(names) or 'none'}"
