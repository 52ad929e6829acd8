"""Buckets under test: a folder, and S3 over a real socket."""

from __future__ import annotations

import pytest

from tests.support.servers.buckets import FolderPlace
from tests.support.servers.s3 import S3Server, s3_server


@pytest.fixture(scope="module")
def s3():
    with s3_server() as running:
        yield running


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path) -> FolderPlace | S3Server:
    """Where a bucket is, and the means to change its content behind the bucket's back."""
    if request.param == "folder":
        (tmp_path / "bucket").mkdir()
        return FolderPlace(tmp_path / "bucket")
    server: S3Server = request.getfixturevalue("s3")
    server.clear()
    return server
