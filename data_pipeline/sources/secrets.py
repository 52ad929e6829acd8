"""The secrets of the sources of bars: read where the variables are, put in place where the source is opened."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from config.errors import ConfigError
from config.secrets import Secret, is_reference, read_reference

if TYPE_CHECKING:
    from config.settings import Sources

_BASE_URL = "sources.yahoo.base_url"


def source_secrets(settings: Sources) -> dict[str, Secret]:
    """The secrets of the sources that can be read now; what is missing is an error when the source is opened."""
    secrets: dict[str, Secret] = {}
    if is_reference(settings.yahoo.base_url or ""):
        with suppress(ConfigError):
            secrets[_BASE_URL] = read_reference(_BASE_URL, str(settings.yahoo.base_url))
    return secrets


def with_secrets(settings: Sources, secrets: Mapping[str, Secret]) -> Sources:
    """The settings of the sources with the values of these secrets in the place of their references."""
    if _BASE_URL not in secrets:
        return settings
    yahoo = settings.yahoo.model_copy(update={"base_url": secrets[_BASE_URL].reveal()})
    return settings.model_copy(update={"yahoo": yahoo})
