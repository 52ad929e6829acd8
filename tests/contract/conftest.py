"""Buckets under test: a folder, and S3 over a real socket."""

from __future__ import annotations

import pytest

from tests.support.servers.buckets import FolderPlace, PrefixedPlace
from tests.support.servers.s3 import S3Server, s3_server


@pytest.fixture(scope="module")
def s3():
    with s3_server() as running:
        yield running


@pytest.fixture(params=["folder", "prefixed", "s3"])
def place(request, tmp_path) -> FolderPlace | S3Server:
    """Where a bucket is, and the means to change its content behind the bucket's back."""
    if request.param != "s3":
        (tmp_path / "bucket").mkdir()
        return (FolderPlace if request.param == "folder" else PrefixedPlace)(tmp_path / "bucket")
    server: S3Server = request.getfixturevalue("s3")
    server.clear()
    return server
