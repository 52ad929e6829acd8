"""The HTTP service, the database, and how long history is kept."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from config.section import Section
from config.settings.older_keys import replace_keys
from config.settings.references import DatabaseAddress, SecretReference

# The first parts of the desk's own addresses.
OWN_PATHS = frozenset({"api", "static", "sign-in", "sign-out", "healthz", "readyz"})


class Api(Section):
    """The HTTP API and the page."""

    host: str = Field(
        default="127.0.0.1",
        description="Address that the desk listens on; any but loopback requires a configured token.",
    )
    port: int = Field(
        default=8642, ge=0, le=65535, description="Port that the desk listens on; `0` takes any free one."
    )
    token: SecretReference | None = Field(
        default=None,
        description=(
            "Where the token is, of 32 characters or more; the variable `NIGHTDESK_TOKEN` goes before it. With "
            "neither, it is the file `api.token` in the home, which the desk creates."
        ),
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Host names under which the desk may be called, besides those of this machine.",
    )
    behind_proxy: bool = Field(
        default=False,
        description=(
            "Whether a reverse proxy on this machine passes requests on to the desk. Reading then needs the token or a "
            "session, and the proxy's `X-Forwarded-For` names the caller whose wrong tokens are counted."
        ),
    )
    root_path: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$",
        max_length=200,
        description="Path below which a proxy serves the desk, such as `/nightdesk`; empty for none.",
    )

    @field_validator("root_path")
    @classmethod
    def _is_none_of_our_own(cls, path: str) -> str:
        """With a path of the desk itself nobody could say whether the proxy has taken it away."""
        if path.startswith("/") and path.split("/")[1] in OWN_PATHS:
            raise ValueError("begins with a path of the desk's own; choose another, such as /nightdesk")
        return path

    @model_validator(mode="before")
    @classmethod
    def _older_keys(cls, section: Any, info: ValidationInfo) -> Any:
        return replace_keys(section, info, "api.", {"token_file": ("token", "file:")})


class Database(Section):
    """SQLite in the home, or PostgreSQL by its URL."""

    url: DatabaseAddress | None = Field(
        default=None,
        description=(
            "URL of a PostgreSQL database (needs the extra `postgres`), or where it is: one with a password must be "
            "`env:NAME` or `file:PATH`. `null` is SQLite in the home."
        ),
    )

    @model_validator(mode="before")
    @classmethod
    def _older_keys(cls, section: Any, info: ValidationInfo) -> Any:
        return replace_keys(section, info, "database.", {"url_env": ("url", "env:"), "url_file": ("url", "file:")})


class Retention(Section):
    """How much history is kept. A champion, its predecessor and the newest three versions always stay."""

    backups: int = Field(default=7, ge=1, description="Newest backups that are kept.")
    versions: int = Field(
        default=10, ge=3, description="Newest model versions that are kept of each subject and model type."
    )
    revisions: int = Field(
        default=5, ge=0, description="Replaced datasets that are kept of each symbol whose history was rewritten."
    )
    quarantine_days: int = Field(
        default=90,
        ge=30,
        description=(
            "Days for which refused rows and unreadable logs are kept; refused rows may still be corrected by "
            "their source for 30 of them."
        ),
    )
    results_days: int = Field(
        default=90,
        ge=1,
        description="Days for which reports are kept, and folds of recipes that are not used any more.",
    )
    logs_days: int = Field(default=90, ge=1, description="Days for which the logs of runs are kept.")
