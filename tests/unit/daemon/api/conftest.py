"""A desk that a whole file of readers shares, and one for each test that changes something."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from config.paths import Home
from tests.support.desks.fake_desk import FakeDesk, filled_desk
from tests.support.servers.http import client, serving


@pytest.fixture(scope="package")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a desk that nothing changes."""
    with filled_desk(Home(tmp_path_factory.mktemp("shared"))) as desk, serving(desk) as url, client(url) as http:
        yield http


@pytest.fixture
def desk(home: Home) -> Iterator[FakeDesk]:
    """A desk of its own."""
    with filled_desk(home) as desk:
        yield desk


@pytest.fixture
def live(desk: FakeDesk) -> Iterator[httpx.Client]:
    """A client of that desk."""
    with serving(desk) as url, client(url) as http:
        yield http
