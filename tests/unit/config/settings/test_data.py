"""The sources of data in a config."""

from __future__ import annotations

import pytest

from tests.support.settings import settings


def test_a_csv_source_names_its_folder():
    with pytest.raises(Exception, match="csv_folder must name a folder"):
        settings(sources={"bars": "csv"})
