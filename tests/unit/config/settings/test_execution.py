"""The executor of a config."""

from __future__ import annotations

import pytest

from tests.support.settings import settings


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        ({"kind": "moon"}, r"/executor/kind is \"moon\": should be \"local\""),
        ({"workers": 0}, "/executor/workers is 0"),
        ({"kind": "local", "worker": 2}, "/executor/worker is not a known key"),
        (2, "/executor is 2: should be an object"),
    ],
)
def test_a_wrong_executor_is_refused_with_its_place(executor, message):
    with pytest.raises(Exception, match=message):
        settings(executor=executor)


def test_an_executor_without_a_kind_is_local():
    assert settings(executor={"workers": 3}).executor == settings(executor={"kind": "local", "workers": 3}).executor
