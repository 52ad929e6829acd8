"""DataclassSection: a section of settings that is built, copied and taken apart as a dataclass is."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from pydantic.fields import FieldInfo

from config.section import Section


class DataclassSection(Section):
    """A frozen section that also takes its values by position, and works with the module `dataclasses`.

    `dataclasses.fields`, `asdict` and `replace` see every field, and each construction checks its values:

        config = SACConfig(512, 1e-4)
        longer = dataclasses.replace(config, gamma=0.995)
        assert SACConfig(**dataclasses.asdict(longer)) == longer
    """

    # The fields that come first by position; the others follow in the order in which they are declared.
    leading_fields: ClassVar[tuple[str, ...]] = ()
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]] = {}

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(**_by_name(type(self), values, named))

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Describe the fields in the form that the module `dataclasses` reads."""
        rows = [_row(name, cls.model_fields[name]) for name in dict.fromkeys((*cls.leading_fields, *cls.model_fields))]
        plain: Any = dataclasses.make_dataclass(cls.__name__, rows)
        cls.__dataclass_fields__ = plain.__dataclass_fields__


def _row(name: str, field: FieldInfo) -> tuple[str, Any, Any]:
    required = field.is_required()
    return name, field.annotation, dataclasses.field() if required else dataclasses.field(default=field.get_default())


def _by_name(section: type[DataclassSection], values: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """All values by the names of their fields."""
    names = list(section.__dataclass_fields__)
    if len(values) > len(names):
        raise TypeError(
            f"{section.__name__} has {len(names)} fields, and {len(values)} values were given by position. "
            f"The fields are {', '.join(names)}."
        )
    by_position = dict(zip(names, values, strict=False))
    if twice := sorted(by_position.keys() & named.keys()):
        raise TypeError(
            f"{section.__name__} got two values for {twice[0]}, {by_position[twice[0]]!r} by position and "
            f"{named[twice[0]]!r} by name. Give it once."
        )
    return by_position | named
