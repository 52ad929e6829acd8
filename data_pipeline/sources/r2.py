"""Buckets behind an S3 endpoint, such as Cloudflare R2: the only place here that knows boto3."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError, ResponseStreamingError

from config.errors import NightdeskError
from data_pipeline.sources.bucket import Item

if TYPE_CHECKING:
    from config.secrets import Secret

_CHUNK = 1024 * 1024
_CODES = {401: "r2.denied", 403: "r2.denied", 404: "r2.gone"}
_CURES = {
    "r2.denied": "Check the key in R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY, and what it may read.",
    "r2.gone": "Check R2_BUCKET_NAME; a single file that is gone needs nothing.",
    "r2.torn": "Pull again; if it happens again, upload the file anew.",
    "r2.unreachable": "Try again later. What was pulled before stays in use.",
}


class S3Bucket:
    """One bucket of an S3 endpoint. An ETag is its version, not its md5."""

    def __init__(
        self, endpoint: str, name: str, *, key_id: Secret, key: Secret, connect: float = 5, read: float = 30
    ) -> None:
        logging.getLogger("botocore").setLevel(logging.INFO)  # below it writes signed requests
        self._name = name
        self._host = urlsplit(endpoint).hostname
        self._client = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint,
            region_name="auto",
            aws_access_key_id=key_id.reveal(),
            aws_secret_access_key=key.reveal(),
            config=Config(
                connect_timeout=connect,
                read_timeout=read,
                retries={"mode": "standard"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path"},
            ),
        )

    def items(self) -> Iterator[Item]:
        """Every object, page by page."""
        with self._named(self._name):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name):
                for entry in page.get("Contents", ()):
                    yield Item(entry["Key"], entry["Size"], entry["ETag"])

    def read(self, key: str, limit: int) -> bytes:
        """The object's first bytes; fewer than were announced are `r2.torn`."""
        with self._named(key):
            answer = self._client.get_object(Bucket=self._name, Key=key)
            wanted = min(limit, answer["ContentLength"])
            data = bytearray()
            with answer["Body"] as body:
                while len(data) < wanted and (part := body.read(min(_CHUNK, wanted - len(data)))):
                    data += part
        if len(data) < wanted:
            raise self._error("r2.torn", key, f"broke off after {len(data)} of {wanted} bytes")
        return bytes(data)

    @contextmanager
    def _named(self, what: str) -> Iterator[None]:
        """Whatever boto3 or the wire raises, as one of our errors."""
        try:
            yield
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            told = error.response.get("Error", {}).get("Code", "no reason")
            raise self._error(_CODES.get(status, "r2.unreachable"), what, f"was refused: {told} ({status})") from error
        except (IncompleteReadError, ResponseStreamingError) as error:
            raise self._error("r2.torn", what, "broke off on the way") from error
        except BotoCoreError as error:
            raise self._error("r2.unreachable", what, f"cannot be fetched: {type(error).__name__}") from error

    def _error(self, code: str, what: str, happened: str) -> NightdeskError:
        return NightdeskError(code, f"{what[:200]!r} at {self._host} {happened}.", _CURES[code])
