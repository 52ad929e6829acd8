"""Secrets: read from the environment or from a file, never from JSON, never printed."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from config.errors import ConfigError
from config.publish import TEMP_PREFIX

# The variables that give access to a bucket of traders' logs.
BUCKET_VARIABLES = ("R2_ACCOUNT_ID", "R2_BUCKET_NAME", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY")
TOKEN_VARIABLE = "NIGHTDESK_TOKEN"  # noqa: S105 -- the name of a variable, not a secret
MASK = "***"
# Masking a shorter one would make other text unreadable, and would not hide it.
MIN_LENGTH = 6
_masked_values: list[str] = []


def redact(text: str) -> str:
    """`text` with the value of every secret of this process masked, also where it stands in a URL or in JSON."""
    for value in _masked_values:
        text = text.replace(value, MASK)
    return text


class Secret:
    """A value that does not show itself in logs, reprs or tracebacks."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= MIN_LENGTH:
            _masked_values.extend({value, quote(value, safe=""), json.dumps(value)[1:-1]}.difference(_masked_values))

    def reveal(self) -> str:
        """The value itself, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__


def read_secret(name: str, *, variable: str | None = None, file: str | Path | None = None) -> Secret:
    """Read the secret called `name` from an environment variable, else from a file."""
    if variable and (value := os.environ.get(variable, "").strip()):
        return Secret(value)
    if not file:
        cure = (
            f"Set the variable {variable} or name a file." if variable else "Name a variable or a file that holds it."
        )
        raise ConfigError("config.secret", f"The {name} is not set.", cure)
    try:
        value = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "config.secret",
            f"The file of the {name}, {Path(file).name}, cannot be read.",
            "Mend its path or its permissions.",
        ) from error
    if not value:
        raise ConfigError("config.secret", f"The file of the {name}, {Path(file).name}, is empty.", "Write it anew.")
    return Secret(value)


def make_token_file(path: Path) -> Secret:
    """Make a new random token, readable by its owner alone; an existing one stays."""
    with suppress(FileExistsError), tempfile.NamedTemporaryFile("w", prefix=TEMP_PREFIX, dir=path.parent) as temp:
        temp.write(secrets.token_urlsafe(32) + "\n")
        temp.flush()
        os.fsync(temp.fileno())
        os.link(temp.name, path)  # unlike a rename, it never replaces a token that is in use
    return read_secret("API token", file=path)
