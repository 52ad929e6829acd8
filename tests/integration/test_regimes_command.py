"""`nightdesk regimes`: each market's regimes as a table, as JSON and as a picture, of whatever bars are stored."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from config.paths import Home
from daemon.cli.app import main
from data_pipeline.bars.bars import Bars
from data_pipeline.bars.store import BarStore
from data_pipeline.regimes.model import RegimeModel
from tests.support.markets.two_states import bars_of, planted

NOW = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture
def bars(home: Home) -> Bars:
    """Two calm and wild markets on disk, and one that never moves."""
    store = BarStore(home)
    two = bars_of(planted(1200)[1][:, 0], "TWO")
    for symbol, each in (("TWO", two), ("FEW", two.head(80)), ("FLAT", bars_of(np.zeros(700), "FLAT"))):
        store.save(Bars(each.frame, symbol, source="csv"), NOW)
    config = {"symbols": ["TWO"], "sources": {"bars": "csv", "csv_folder": "bars"}}
    home.config.write_text(json.dumps(config))
    return two


def nightdesk(capsys: Any, monkeypatch: Any, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["nightdesk", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_a_market_is_shown_as_its_model_tells_it(bars: Bars, capsys, monkeypatch) -> None:
    code, out, _ = nightdesk(capsys, monkeypatch, "--json", "regimes", "two", "--states", "2")
    assert code == 0
    (shown,) = json.loads(out)["regimes"]
    model = RegimeModel.fit(bars, 2)
    assert shown["version"] == model.fingerprint()
    newest = model.volatility(bars).iloc[-1]
    assert shown["volatility"]["probabilities"] == pytest.approx(newest.to_dict())
    assert shown["volatility"]["now"] == newest.idxmax()
    assert pd.Timestamp(shown["volatility"]["since"]) <= bars.frame.index[-1]
    calm, wild = shown["states"]
    assert calm["direction"] == "bull"
    assert wild["volatility"] == pytest.approx(100 * 0.02 * np.sqrt(252), rel=0.2)
    assert calm["share"] + wild["share"] == pytest.approx(1.0)


def test_a_person_reads_a_table_of_the_symbols_of_the_config(bars: Bars, capsys, monkeypatch) -> None:
    code, out, _ = nightdesk(capsys, monkeypatch, "regimes")
    assert code == 0
    assert out.splitlines()[0].split() == ["symbol", "as", "of", "volatility", "since", "direction", "since"]
    assert "stay in bars" in out


def test_its_picture_is_drawn_for_one_symbol_alone(bars: Bars, tmp_path: Path, capsys, monkeypatch) -> None:
    picture = tmp_path / "two.png"
    assert nightdesk(capsys, monkeypatch, "regimes", "TWO", "--plot", str(picture))[0] == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    code, _, err = nightdesk(capsys, monkeypatch, "regimes", "TWO", "FLAT", "--plot", str(picture))
    assert (code, "Name a single symbol" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("FLAT",), "The returns never change"),
        (("FEW",), "There are 79 returns to fit 3 regimes to; they need 150"),
        (("TWO", "--states", "9"), "A model of 9 states is not made"),
        (("NONE",), "There are no stored 1d bars of NONE"),
    ],
)
def test_what_has_no_regimes_is_an_error_with_its_cure(bars: Bars, words, message: str, capsys, monkeypatch) -> None:
    code, _, err = nightdesk(capsys, monkeypatch, "regimes", *words)
    assert code != 0
    assert message in err
    assert "Cure: " in err
