"""Keys of older configs that are still read: what each becomes, and the notice that says how it is written today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationInfo

OLDER_KEYS = "older_keys"  # where the context of a validation gathers notices


def replace_keys(section: Any, info: ValidationInfo, place: str, newer: Mapping[str, tuple[str, str]]) -> Any:
    """The document of a section with every older key replaced by that of `newer`, and its value by one with a prefix.

    With `{"secret_env": ("secret", "env:")}`, `"secret_env": "HOOK"` becomes `"secret": "env:HOOK"`. A notice names the
    older key after `place`.
    """
    if not isinstance(section, dict):
        return section
    document = {key: value for key, value in section.items() if key not in newer or value is not None}
    for older, (key, prefix) in newer.items():
        if not isinstance(document.get(older), str):
            continue
        value = prefix + document.pop(older)
        if document.get(key) is not None:
            raise ValueError(f"has more than one of {key}, {', '.join(newer)}; keep {key}")
        document[key] = value
        note(info, f'{place}{older} is an older key; write "{key}": "{value}".')
    return document


def note(info: ValidationInfo, notice: str) -> None:
    """Add a notice for the owner of the config that is read, if one is read."""
    if isinstance(info.context, dict):
        info.context.setdefault(OLDER_KEYS, []).append(notice)
