from __future__ import annotations

import pytest

from daemon.opening.identity import enter
from daemon.store.database import Database
from tests.support.desks.backed_up_home import NOW, fill


@pytest.fixture
def database(home):
    opened = Database.open(home.database)
    enter(home, opened, NOW)
    yield opened
    opened.close()


@pytest.fixture
def desk(home, database):
    """A home with a champion, its predecessor, newer challengers, one rejected long ago, and data."""
    fill(home, database)
    return home
