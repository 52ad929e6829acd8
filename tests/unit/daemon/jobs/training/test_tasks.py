from __future__ import annotations

import shutil

import pytest

from config import NightdeskError
from config.paths import Home
from daemon.jobs.training.messages import InspectRequest
from daemon.jobs.training.tasks import inspect
from tests.support.markets.easy import SYMBOL
from tests.support.models.stored_versions import NAME, Shelf, context, market


@pytest.fixture
def shelf(home: Home) -> Shelf:
    new_shelf = Shelf(home)
    new_shelf.store(market())
    return new_shelf


def test_a_version_in_the_folder_of_another_is_not_adopted(home: Home, shelf: Shelf) -> None:
    shelf.put("v1")
    stray = home.model("TSLA", NAME, "v1")
    stray.parent.mkdir(parents=True)
    shutil.copytree(home.model(SYMBOL, NAME, "v1"), stray)
    with pytest.raises(NightdeskError, match=f"holds {SYMBOL}/{NAME}/v1") as caught:
        inspect(context(home), InspectRequest(subject="TSLA", model_type=NAME, version="v1"))
    assert caught.value.code == "model.misplaced"
