"""What a terminal says of an audit."""

from __future__ import annotations

import pytest

from daemon.cli.commands import audit

SHARE = {"count": 1, "among": 40, "low": 0.0006, "high": 0.1316}


@pytest.mark.parametrize("power", [[], [{"sharpe": 2.0, "years": 3, "pairs": 8, "with_edge": 8, "proven": SHARE}]])
def test_a_terminal_shows_each_share_with_its_interval(capsys: pytest.CaptureFixture[str], power: list) -> None:
    row = {"world": "drift 0.8", "costs": "none", "proven": SHARE, "refuted": {**SHARE, "count": 3}}
    files = ["results/audit/null_markets.json"]
    audit._show({"null_markets": [row], "power": power, "is_sample": True, "files": files})
    shown = capsys.readouterr().out
    assert "drift 0.8  none   1 of 40 (0.1% to 13.2%)  3 of 40 (0.1% to 13.2%)" in shown
    assert ("8 of 8" in shown) == bool(power)
    assert "sample market, which is made up" in shown
    assert shown.endswith("Written: results/audit/null_markets.json\n")
