"""Secrets: read from the environment or from a file, never from JSON, never printed.

A config refers to a secret as `env:NAME` or `file:PATH`; that reference is all that a backup of the config holds.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from config.errors import ConfigError
from config.publish import TEMP_PREFIX

# What gives access to a bucket of traders' logs, by the variables that hold it unless the config says otherwise.
BUCKET_VARIABLES = ("R2_ACCOUNT_ID", "R2_BUCKET_NAME", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY")
TOKEN_VARIABLE = "NIGHTDESK_TOKEN"  # noqa: S105 -- the name of a variable, not a secret
MASK = "***"
# A reference to a secret: the variable that holds it, or the file.
_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:[^\x00-\x1f\x7f]+")
_PASSWORD = re.compile(r"://[^:/@]*:(.+)@")
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
        _mask(value)
        if password := _PASSWORD.search(value):  # of a URL; a library may report it by itself
            _mask(password[1])

    def reveal(self) -> str:
        """The value itself, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__


def _mask(value: str) -> None:
    if len(value) >= MIN_LENGTH:
        _masked_values.extend({value, quote(value, safe=""), json.dumps(value)[1:-1]}.difference(_masked_values))


def is_reference(text: str) -> bool:
    """Whether `text` refers to a secret, as `env:NAME` or `file:PATH`."""
    return _REFERENCE.fullmatch(text) is not None


def read_reference(name: str, reference: str) -> Secret:
    """Read the secret called `name` from the variable of `env:NAME`, or from the file of `file:PATH`."""
    kind, _, place = reference.partition(":")
    return read_secret(name, variable=place) if kind == "env" else read_secret(name, file=place)


def read_address(name: str, address: str) -> str:
    """The address that a setting holds, or the one that its reference leads to."""
    return read_reference(name, address).reveal() if is_reference(address) else address


def read_token(reference: str | None) -> Secret | None:
    """The API token that was configured: in NIGHTDESK_TOKEN, else where `reference` leads; None if neither is set."""
    if os.environ.get(TOKEN_VARIABLE):
        return read_secret("API token", variable=TOKEN_VARIABLE)
    return read_reference("API token", reference) if reference else None


def read_variable_of_file(name: str, variable: str, file: str | Path) -> Secret:
    """The secret called `name` as the line `variable=value` of a file such as `.env` gives it.

    Lines may begin with `export`, values may stand in quotes, and what follows ` #` is a comment; nothing is expanded.
    """
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "config.secret", f"The file {Path(file).name} cannot be read.", "Mend its path or its permissions."
        ) from error
    values = [match[1] or match[2] or match[3] for line in lines if (match := _assignment(variable).fullmatch(line))]
    if not values or not values[-1]:
        raise ConfigError(
            "config.secret",
            f"The {name} is not set: neither the environment nor {Path(file).name} gives {variable}.",
            f"Write a line {variable}=... into the file.",
        )
    return Secret(values[-1])


def _assignment(variable: str) -> re.Pattern[str]:
    """A line that gives the variable a value: in double or single quotes, or bare."""
    value = r"""(?:"([^"]*)"|'([^']*)'|([^\s'"#]\S*)?)"""
    return re.compile(rf"\s*(?:export\s+)?{re.escape(variable)}\s*=\s*{value}\s*(?:\s#.*)?")


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
