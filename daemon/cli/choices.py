"""The global options, which every command gets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from config.loader import find_config, load_settings
from config.paths import Home
from config.settings import Settings


@dataclass(frozen=True)
class Choices:
    """Where the desk lives, and how it is to be spoken to."""

    home: Home
    config: Path | None
    json: bool
    verbose: int

    def settings(self) -> Settings:
        """The settings that a desk with these options would use."""
        return load_settings(find_config(self.home, self.config))


def choices(context: typer.Context) -> Choices:
    """The global options of the command under way."""
    found: Choices = context.find_root().obj
    return found
