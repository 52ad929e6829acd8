"""A real S3 server on loopback (moto's), behind a layer that spoils answers as the test sets."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from urllib.request import Request, urlopen

import boto3
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from config.secrets import Secret
from data_pipeline.buckets.s3 import S3Bucket

NAME = "traders"
KEY_ID, KEY = "an-access-key-id", "a-secret-access-key"
_ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
_STATUS = {
    403: ("403 Forbidden", "AccessDenied"),
    404: ("404 Not Found", "NoSuchKey"),
    500: ("500 Oops", "InternalError"),
}


@dataclass
class S3Server:
    """Where it is, what it was asked, and how it misbehaves: by a part of the path, for as many requests."""

    url: str = ""
    requests: list[str] = field(default_factory=list)
    wrong: dict[str, tuple[object, int]] = field(default_factory=dict)
    writing: threading.Lock = field(
        default_factory=threading.Lock
    )  # S3 decides conditional puts one by one; moto races

    def misbehave(self, part: str, how: object, times: int = 1000) -> None:
        """Answer requests whose path holds `part` with a status, `torn` after half, or `slow`."""
        self.wrong[part] = (how, times)

    def _fault(self, path: str) -> object | None:
        for part, (how, times) in self.wrong.items():
            if part in path and times > 0:
                self.wrong[part] = (how, times - 1)
                return how
        return None

    def wrap(self, app):
        def answer(environ, start_response):
            path = environ["PATH_INFO"]
            self.requests.append(f"{environ['REQUEST_METHOD']} {path}")
            how = self._fault(path) if environ["REQUEST_METHOD"] == "GET" else None
            if how in _STATUS:
                status, code = _STATUS[how]
                start_response(status, [("Content-Type", "application/xml")])
                return [_ERROR.format(code=code).encode()]
            if how == "slow":
                time.sleep(3)
            with self.writing if environ["REQUEST_METHOD"] == "PUT" else nullcontext():
                whole = app(environ, start_response)
            if how == "torn":
                body = b"".join(whole)
                return [body[: len(body) // 2]]
            return whole

        return answer

    @cached_property
    def client(self):
        """A client that may do everything."""
        return boto3.client(
            "s3", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id=KEY_ID, aws_secret_access_key=KEY
        )

    def put(self, key: str, data: bytes) -> None:
        """Upload one file."""
        self.client.put_object(Bucket=NAME, Key=key, Body=data)

    def remove(self, key: str) -> None:
        """Delete one file."""
        self.client.delete_object(Bucket=NAME, Key=key)

    def put_many(self, files: dict[str, bytes]) -> None:
        """Lay many files into the server's own store."""
        for key, data in files.items():
            s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(NAME, key, data)

    def clear(self) -> None:
        """Empty the bucket, forget what was asked, and behave."""
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[NAME].keys.clear()
        self.requests.clear()
        self.wrong.clear()

    def bucket(self, read: float = 30) -> S3Bucket:
        """Our side of it."""
        return S3Bucket(self.url, NAME, key_id=Secret(KEY_ID), key=Secret(KEY), connect=2, read=read)


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """An S3 server with one empty bucket, on a free port, in a thread."""
    server = S3Server()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # moto's own affairs
        app = DomainDispatcherApplication(create_backend_app)
        http = make_server("127.0.0.1", 0, server.wrap(app), threaded=True)
        server.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, name="s3")
        thread.start()
        try:
            server.client.create_bucket(Bucket=NAME)
            yield server
            _reset(server.url)
        finally:
            http.shutdown()
            thread.join(10)
            http.server_close()


def _reset(url: str) -> None:
    """Moto keeps its buckets in the process, not in the server."""
    with urlopen(Request(f"{url}/moto-api/reset", method="POST"), timeout=10) as answer:
        assert answer.status == 200
