"""The bucket that the settings name, and the secrets that open it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from config.errors import ConfigError, NightdeskError
from config.secrets import BUCKET_VARIABLES, read_reference, read_variable_of_file
from data_pipeline.buckets.folder import FolderBucket
from data_pipeline.buckets.prefixed import PrefixedBucket

if TYPE_CHECKING:
    from config.paths import Home
    from config.secrets import Secret
    from config.settings import BackupPlace
    from config.settings import Bucket as BucketSettings
    from data_pipeline.buckets.base import Bucket


def open_bucket(settings: BucketSettings, home: Home, secrets: Mapping[str, Secret] | None = None) -> Bucket:
    """The bucket of these settings; without a URL, the folder of the home.

    A secret that is not among `secrets` is read from where the settings say that it is.
    """
    url = settings.url
    if url is None or _is_folder(url):
        return FolderBucket(_folder(url, home))
    return _open_s3(settings, url, None, secrets)


def open_place(settings: BackupPlace, secrets: Mapping[str, Secret] | None = None, *, create: bool = False) -> Bucket:
    """The place of backups of these settings; a folder must be there, unless it is to be created."""
    if settings.folder is None:
        bucket = _open_s3(settings, settings.url, settings.bucket, secrets)
        return PrefixedBucket(bucket, settings.prefix.rstrip("/")) if settings.prefix else bucket
    if create:
        settings.folder.mkdir(0o700, exist_ok=True)
    return FolderBucket(settings.folder, private=True)


def _open_s3(
    settings: BucketSettings | BackupPlace, url: str, name: str | None, secrets: Mapping[str, Secret] | None
) -> Bucket:
    from data_pipeline.buckets.s3 import S3Bucket  # noqa: PLC0415 -- boto3 is heavy

    def secret(name: str) -> Secret:
        return (secrets or {}).get(name) or _read(settings, name)

    endpoint = f"https://{secret('R2_ACCOUNT_ID').reveal()}.r2.cloudflarestorage.com" if url == "r2" else url
    return S3Bucket(
        endpoint,
        name or secret("R2_BUCKET_NAME").reveal(),
        key_id=secret("R2_ACCESS_KEY_ID"),
        key=secret("R2_SECRET_ACCESS_KEY"),
    )


def bucket_secrets(settings: BucketSettings | BackupPlace) -> dict[str, Secret]:
    """Those of the bucket's secrets that can be read now; what is missing is an error when the bucket is opened.

    A folder needs none.
    """
    secrets: dict[str, Secret] = {}
    if _is_folder(settings.url):
        return secrets
    for name in BUCKET_VARIABLES:
        with suppress(ConfigError):
            secrets[name] = _read(settings, name)
    return secrets


def _is_folder(url: str | None) -> bool:
    return url is None or url.startswith("file:")


def _read(settings: BucketSettings | BackupPlace, name: str) -> Secret:
    reference: str = getattr(settings, name.removeprefix("R2_").lower())
    file = getattr(settings, "env_file", None)
    variable = reference.removeprefix("env:")
    if file is not None and variable != reference and not os.environ.get(variable, "").strip():
        return read_variable_of_file(f"bucket's {name}", variable, file)
    return read_reference(f"bucket's {name}", reference)


def _folder(url: str | None, home: Home) -> Path:
    folder = Path(unquote(urlsplit(url).path)) if url else home.bucket
    if home.trades.resolve().is_relative_to(folder.resolve()):
        raise NightdeskError(
            "r2.own_folder",
            f"The bucket {folder.name!r} holds what is pulled from it: every pull would take in the last.",
            "Name the folder of the logs alone.",
        )
    return folder
