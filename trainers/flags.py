"""Flags: the fields of a params class that are options of the command line, declared at the field; light.

class MyParams(Section):
    hidden_dim: Annotated[int, Flag("--hidden-dim", help="units of a hidden layer")] = 64
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from config.errors import UsageError
from config.section import Section

# The flag of the training steps, for the model types that count them.
STEPS_FLAG = "--steps"


class Flag:
    """The spellings of a field on the command line, and its help; `_` and `-` are equivalent there."""

    def __init__(self, *names: str, help: str) -> None:  # noqa: A002 -- as argparse and typer call it
        self.names = tuple(map(spelling, names))
        self.help = help


@dataclass(frozen=True, eq=False)
class ParamFlag:
    """A flag of one params class: the path, type and default of its field."""

    flag: Flag
    path: tuple[str, ...]
    annotation: Any
    default: Any

    @property
    def is_switch(self) -> bool:
        """Whether it may be given without a value, which means `true`."""
        return self.annotation is bool

    def value(self, text: str) -> Any:
        """The text as a value of the field's type; its bounds are checked with the other params."""
        try:
            return TypeAdapter(self.annotation).validate_strings(text)
        except ValidationError as error:
            reason = error.errors(include_url=False)[0]["msg"]
            raise UsageError(
                "option.invalid",
                f"{text!r} cannot be used for {self.flag.names[0]}: {reason}.",
                f"Give it a value such as {self.default}.",
            ) from error


def spelling(name: str) -> str:
    """The normalised spelling of a flag."""
    return name.replace("_", "-")


def flags_of(params: type[Section]) -> dict[str, ParamFlag]:
    """The flags of a params class and of the sections within it, by each of their spellings."""
    flags: dict[str, ParamFlag] = {}
    for declared in _declared(params, ()):
        for name in declared.flag.names:
            if name in flags:
                raise ValueError(f"{params.__name__} declares {name} at {flags[name].path} and at {declared.path}")
            flags[name] = declared
    return flags


def _declared(section: type[Section], path: tuple[str, ...]) -> Iterator[ParamFlag]:
    for name, field in section.model_fields.items():
        for flag in (marker for marker in field.metadata if isinstance(marker, Flag)):
            yield ParamFlag(flag, (*path, name), field.annotation, field.get_default())
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _declared(field.annotation, (*path, name))


def nested(values: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """Values by path as a document of sections."""
    document: dict[str, Any] = {}
    for path, value in values.items():
        place = document
        for section in path[:-1]:
            place = place.setdefault(section, {})
        place[path[-1]] = value
    return document
