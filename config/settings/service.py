"""The HTTP service, the database, and how long history is kept."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from config.section import Section

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
    token_file: str | None = Field(
        default=None,
        description=(
            "File that holds the token, of 32 characters or more; else the variable `NIGHTDESK_TOKEN`, else "
            "`api.token` in the home, which the desk creates."
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


class Database(Section):
    """SQLite in the home, or PostgreSQL by its URL. A URL with a password belongs in a variable or a file."""

    url: str | None = Field(
        default=None,
        description=(
            "URL of a PostgreSQL database without a password (needs the extra `postgres`); with none of the "
            "three, SQLite in the home."
        ),
    )
    url_env: str | None = Field(default=None, description="Environment variable that holds the URL.")
    url_file: str | None = Field(default=None, description="File that holds the URL.")

    @model_validator(mode="after")
    def _one_url(self) -> Database:
        if sum(place is not None for place in (self.url, self.url_env, self.url_file)) > 1:
            raise ValueError("has more than one of url, url_env, url_file; keep one")
        if re.match(r"[^/]+//[^/@]*:[^/@]+@", self.url or ""):
            raise ValueError("url holds a password, which every backup would; name url_env or url_file that holds it")
        return self


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
    results_days: int = Field(default=90, ge=1, description="Days for which reports are kept.")
    logs_days: int = Field(default=90, ge=1, description="Days for which the logs of runs are kept.")
