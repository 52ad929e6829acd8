"""Secrets: read from the environment or from a file, never from JSON, never printed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from config.errors import ConfigError

TOKEN_VARIABLE = "NIGHTDESK_TOKEN"  # noqa: S105 -- the name of a variable, not a secret
MASK = "***"


class Secret:
    """A value that does not show itself in logs, reprs or tracebacks."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__


def read_secret(name: str, *, variable: str | None = None, file: str | Path | None = None) -> Secret:
    """Read the secret called `name` from an environment variable or from a file."""
    if variable and os.environ.get(variable):
        return Secret(os.environ[variable].strip())
    if file:
        try:
            return Secret(Path(file).read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                "config.secret",
                f"The file of the {name} cannot be read.",
                "Mend its path or its permissions.",
            ) from error
    raise ConfigError("config.secret", f"The {name} is not set.", f"Set the variable {variable} or name a file.")


def make_token_file(path: Path) -> Secret:
    """Make a new random token, readable by its owner alone; an existing one stays."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_secret("API token", file=path)
    token = secrets.token_urlsafe(32)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(token + "\n")
    return Secret(token)
