"""The service and the database of a config."""

from __future__ import annotations

import pytest

from tests.support.settings import settings


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_password_in_the_config_is_refused_and_not_repeated(scheme):
    with pytest.raises(Exception, match='write "env:NAME" or "file:PATH"') as refused:
        settings(database={"url": f"{scheme}://desk:hunter2@db.example.org/desk"})
    assert "hunter2" not in str(refused.value)
    assert settings(database={"url": f"{scheme}://desk@db.example.org:5432/desk"}).database.url
