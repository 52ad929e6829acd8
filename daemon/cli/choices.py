"""The global options, which every command gets."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from pathlib import Path

import typer

from config.errors import ConfigError
from config.loader import find_config, load_settings
from config.paths import Home
from config.settings import Settings


@dataclass(frozen=True)
class Choices:
    """The home and config of the desk, and the form of the output."""

    home: Home
    config: Path | None
    json: bool
    verbose: int

    def settings(self) -> Settings:
        """The settings that a desk with these options would use."""
        return load_settings(find_config(self.home, self.config))

    def symbol(self, typed: str) -> str:
        """The configured or stored symbol that differs from `typed` in its case alone, else `typed`."""
        try:
            symbols = {*self.settings().symbols, *self.home.symbols}
        except ConfigError:  # a running desk works on without it, and so may the command
            symbols = self.home.symbols
        alike = sorted(symbol for symbol in symbols if symbol.casefold() == typed.casefold())
        return typed if typed in symbols or not alike else alike[0]

    def symbols(self, typed: list[str] | None) -> list[str] | None:
        """The same for several."""
        return typed and [self.symbol(symbol) for symbol in typed]


def choices(context: typer.Context) -> Choices:
    """The global options of the command under way."""
    global_options: Choices = context.find_root().obj
    return global_options


def user_name() -> str:
    """The name of the user of this process, as what they decide is recorded."""
    try:
        return getpass.getuser()[:64]
    except (KeyError, OSError):  # a container knows users by number only
        return f"user {os.getuid()}"
