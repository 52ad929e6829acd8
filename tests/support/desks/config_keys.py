"""Every key of the config with its default, read from the settings themselves."""

from __future__ import annotations

import json
from typing import Any, get_args, get_origin

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
        inner = sections_of(field.annotation)
        listed = get_origin(field.annotation) is tuple
        if listed or not inner:
            found[OPEN.get(key, key)] = _default(model, name, field)
        for section in inner:
            found |= defaults(section, f"{key}[]." if listed else f"{OPEN.get(key, key)}.")
    return found


def sections_of(annotation: Any) -> list[type[BaseModel]]:
    """The sections that an annotation holds: itself, the members of a union, the items of a list or of a dict."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for part in get_args(annotation) for section in sections_of(part)]


def _default(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    if field.get_default(call_default_factory=True) is PydanticUndefined:
        return "required"
    blank = model.model_construct()
    return json.dumps(blank.model_dump(mode="json", include={name})[name])
