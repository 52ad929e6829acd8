"""Every key of the config with its default, read from the settings themselves."""

from __future__ import annotations

import json
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from config.settings import Settings

# Keys whose names the owner chooses: what stands in their place in the reference.
OPEN = {"jobs": "jobs.<job>", "model_params": "model_params.<model type>"}


def defaults(model: type[BaseModel] = Settings, prefix: str = "") -> dict[str, str]:
    """Dotted key -> default as JSON; `required` where there is none."""
    found: dict[str, str] = {}
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        inner = _section(field.annotation)
        if inner is not None:
            found |= defaults(inner, f"{OPEN.get(key, key)}.")
        else:
            found[OPEN.get(key, key)] = _default(model, name, field)
    return found


def _section(annotation: Any) -> type[BaseModel] | None:
    """The section that an annotation holds: itself, optional, or as the values of a dict."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _default(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    if field.get_default(call_default_factory=True) is PydanticUndefined:
        return "required"
    blank = model.model_construct()
    return json.dumps(blank.model_dump(mode="json", include={name})[name])
