from __future__ import annotations

from collections.abc import Iterator

import pytest

from config.paths import Home
from tests.support.desks.recorded_home import RecordedHome
from tests.support.models.linear_type import linear_registered


@pytest.fixture(autouse=True)
def _linear() -> Iterator[None]:
    with linear_registered():
        yield


@pytest.fixture
def recorded(home: Home) -> RecordedHome:
    return RecordedHome(home)
