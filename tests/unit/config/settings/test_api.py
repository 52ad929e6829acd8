"""How the desk is reached."""

from __future__ import annotations

import pytest

from tests.support.settings import settings


@pytest.mark.parametrize("path", ["", "/nightdesk", "/tools/night.desk", "/apis", "/a_b-c~d"])
def test_a_desk_can_live_below_a_path(path):
    assert settings(api={"root_path": path}).api.root_path == path


@pytest.mark.parametrize(
    "path",
    ["nightdesk", "/", "/nightdesk/", "//evil.example", "/a//b", "/..", "/a/../b", "/.hidden", "/a b", "/<b>", "/a?b",
     "/a#b", "/a%2f", "/é", "/a\n", "https://example.org", "/api", "/api/v1", "/static", "/sign-in", "/healthz/x",
     "/" + "x" * 300],
)  # fmt: skip
def test_a_path_that_is_none_or_the_desks_own_is_refused(path):
    with pytest.raises(Exception, match="root_path"):
        settings(api={"root_path": path})


def test_no_proxy_is_expected_unless_it_is_configured():
    assert settings().api.behind_proxy is False
