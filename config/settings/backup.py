"""Where backups lie besides the home."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlsplit

from pydantic import BeforeValidator, Field, model_validator

from config.section import Section
from config.settings.bucket_keys import BucketKeys


class BackupPlace(BucketKeys):
    """A folder, or a bucket of an S3 endpoint or of Cloudflare R2, that belongs to this desk alone.

    The keys to a bucket are not in the config: it names the variable or file of each, by default those of the traders'
    bucket.
    """

    url: str = Field(description="`file:///folder`, an S3 endpoint such as `https://host`, or `r2` for Cloudflare R2.")
    bucket: str | None = Field(default=None, description="Name of the bucket; else what `bucket_name` refers to.")
    prefix: str = Field(default="", description="What the keys in the bucket begin with, such as `desk-1`.")

    @model_validator(mode="after")
    def _valid(self) -> BackupPlace:
        if (not self.url.startswith("file:") and "@" in self.url) or re.search(r"[?#]", self.url):
            raise ValueError(
                "url must be without user, password, query and fragment; access_key_id and secret_access_key name the"
                " variables or files of the keys to a bucket"
            )
        if not re.fullmatch(r"r2|file:///\S*|https?://[^/\s@?#\\%]+/?", self.url):
            raise ValueError("url must be r2, file:///folder, or an S3 endpoint such as https://host without a path")
        if not re.fullmatch(r"([A-Za-z0-9_][A-Za-z0-9._-]{0,99}(/|$)){0,4}", self.prefix) or ".." in self.prefix:
            raise ValueError("prefix must be up to four names with slashes between them, such as desks/desk-1")
        return self

    @property
    def folder(self) -> Path | None:
        """The folder; None for a bucket."""
        return Path(unquote(urlsplit(self.url).path)) if self.url.startswith("file:") else None

    @property
    def label(self) -> str:
        """How readers call it."""
        if self.folder is not None:
            return f"folder {self.folder.name}"
        name = "/".join(part for part in (self.bucket or "bucket", self.prefix.rstrip("/")) if part)
        return f"{name} at {'r2' if self.url == 'r2' else urlsplit(self.url).netloc}"


def place_of(text: str) -> dict[str, Any]:
    """The fields of the place that a person writes as one text.

    A path, `file:///folder`, `https://host/bucket/prefix` or `r2://bucket/prefix`.
    """
    if text.startswith("file:"):
        return {"url": text}
    if "?" in text or ("://" in text and re.search("[@#]", text)):  # may hold a secret: refused by `BackupPlace`
        return {"url": text}
    parts = urlsplit(text)
    if parts.scheme in ("http", "https", "r2"):
        names = [part for part in f"{parts.netloc}{parts.path}".split("/") if part]
        url = "r2" if parts.scheme == "r2" else f"{parts.scheme}://{names.pop(0) if names else ''}"
        return {"url": url, "bucket": names[0] if names else None, "prefix": "/".join(names[1:])}
    return {"url": f"file://{quote(str(Path(text).expanduser().absolute()))}"}


def _from_text(value: Any) -> Any:
    return place_of(value) if isinstance(value, str) else value


class BackupParams(Section):
    """Where each backup is copied to after it was taken in the home. Without such a place a lost disk loses it all."""

    to: tuple[Annotated[BackupPlace, BeforeValidator(_from_text)], ...] = Field(
        default=(),
        strict=False,
        description=(
            "Places outside the home, each a text (`/mnt/disk/desk`, `https://host/bucket/prefix`,"
            " `r2://bucket/prefix`) or an object of the keys below."
        ),
    )

    @model_validator(mode="after")
    def _distinct(self) -> BackupParams:
        if len(set(self.labels)) < len(self.to):
            raise ValueError("names two places that read alike; name each once, and give folders different names")
        return self

    @property
    def labels(self) -> list[str]:
        """The places, as readers call them."""
        return [place.label for place in self.to]
