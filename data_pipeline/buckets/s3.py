"""Buckets behind an S3 endpoint, such as Cloudflare R2: the only module that imports boto3."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError, ResponseStreamingError

from config.errors import NightdeskError
from data_pipeline.buckets.base import MAX_BYTES, Object, check_key, check_prefix, too_large

if TYPE_CHECKING:
    from config.secrets import Secret

_CHUNK = 1024 * 1024
_CODES = {401: "r2.denied", 403: "r2.denied", 404: "r2.gone"}
_EXISTS, _CONFLICT = 412, 409  # answers to a conditional put: it is there; another put of the key is under way
_TRIES = 5
_CURES = {
    "r2.denied": "Check the key in R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY, and what it may do.",
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

    def list(self, prefix: str = "") -> Iterator[Object]:
        """Every object whose key begins with `prefix`, page by page."""
        check_prefix(prefix)
        with self._translated_errors(self._name):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix):
                for entry in page.get("Contents", ()):
                    yield Object(entry["Key"], entry["Size"], entry["ETag"])

    def read(self, key: str, limit: int = MAX_BYTES) -> bytes:
        """The content of the object; fewer bytes than were announced are `r2.torn`."""
        with self._translated_errors(check_key(key)):
            answer = self._client.get_object(Bucket=self._name, Key=key)
            size = answer["ContentLength"]
            data = bytearray()
            with answer["Body"] as body:
                if size > limit:
                    raise too_large(key, limit)
                while len(data) < size and (part := body.read(min(_CHUNK, size - len(data)))):
                    data += part
        if len(data) < size:
            raise self._error("r2.torn", key, f"broke off after {len(data)} of {size} bytes")
        return bytes(data)

    def put(self, key: str, data: bytes, *, if_absent: bool = True) -> bool:
        """Write one object in one request; the endpoint itself refuses it where `if_absent` and there is one."""
        check_key(key)
        if len(data) > MAX_BYTES:
            raise too_large(key, MAX_BYTES)
        condition = {"IfNoneMatch": "*"} if if_absent else {}
        for attempt in range(_TRIES):
            try:
                with self._translated_errors(key):
                    self._client.put_object(Bucket=self._name, Key=key, Body=data, **condition)
            except NightdeskError as error:
                status = _status(error.__cause__) if if_absent else 0
                if status == _EXISTS:
                    return False
                if status != _CONFLICT or attempt == _TRIES - 1:
                    raise
                time.sleep(0.1 * 2**attempt)
            else:
                break
        return True

    def delete(self, key: str) -> None:
        """Remove one object; S3 answers alike where there was none."""
        with self._translated_errors(check_key(key)):
            self._client.delete_object(Bucket=self._name, Key=key)

    @contextmanager
    def _translated_errors(self, key: str) -> Iterator[None]:
        """Turn every exception of boto3 and of the connection into a `NightdeskError`."""
        try:
            yield
        except ClientError as error:
            status = _status(error)
            reason = error.response.get("Error", {}).get("Code", "no reason")
            raise self._error(_CODES.get(status, "r2.unreachable"), key, f"was refused: {reason} ({status})") from error
        except (IncompleteReadError, ResponseStreamingError) as error:
            raise self._error("r2.torn", key, "broke off on the way") from error
        except BotoCoreError as error:
            raise self._error("r2.unreachable", key, f"cannot be reached: {type(error).__name__}") from error

    def _error(self, code: str, key: str, problem: str) -> NightdeskError:
        return NightdeskError(code, f"{key[:200]!r} at {self._host} {problem}.", _CURES[code])


def _status(error: BaseException | None) -> int:
    """The HTTP status of what boto3 raised; 0 where there was no answer."""
    if not isinstance(error, ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
