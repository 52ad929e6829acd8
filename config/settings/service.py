"""The HTTP service, the database, and how long history is kept."""

from __future__ import annotations

import re

from pydantic import Field, model_validator

from config.section import Section


class Api(Section):
    """The HTTP service."""

    host: str = "127.0.0.1"
    port: int = Field(default=8642, ge=0, le=65535)
    token_file: str | None = None
    allowed_hosts: tuple[str, ...] = Field(default=(), strict=False)


class Database(Section):
    """The database: embedded in the home, or PostgreSQL by its URL, which a variable or a file may hold."""

    url: str | None = None
    url_env: str | None = None
    url_file: str | None = None

    @model_validator(mode="after")
    def _one_url(self) -> Database:
        if sum(place is not None for place in (self.url, self.url_env, self.url_file)) > 1:
            raise ValueError("has more than one of url, url_env, url_file; keep one")
        if re.match(r"[^/]+//[^/@]*:[^/@]+@", self.url or ""):
            raise ValueError("url holds a password, which every backup would; name url_env or url_file that holds it")
        return self


class Retention(Section):
    """How much history is kept. A champion, its predecessor and the newest three versions always stay."""

    backups: int = Field(default=7, ge=1)
    versions: int = Field(default=10, ge=3)
    revisions: int = Field(default=5, ge=0)
    quarantine_days: int = Field(default=90, ge=30)  # so long a refused row may still be mended
    results_days: int = Field(default=90, ge=1)
    logs_days: int = Field(default=90, ge=1)
