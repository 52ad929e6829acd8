"""The files that quick tasks publish, made once: a trained model, the bars of a symbol, a report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from PIL import Image

from config.paths import Home
from data_pipeline.bars.store import BarStore
from tests.support.markets.easy import SYMBOL as EASY
from tests.support.models.stored_versions import NAME, NOW, Shelf, market

SYMBOL, SOURCE, MODEL_TYPE = "AAPL", "csv", NAME
TEMPLATE = "NIGHTDESK_QUICK_TEMPLATE"  # the variable by which workers find the folder


def write_template(folder: Path) -> Path:
    """`folder` with what quick tasks publish."""
    home = Home(folder / "home")
    bars = replace(market(SOURCE), symbol=SYMBOL)
    dataset = BarStore(home).save(bars, NOW)
    home.bars(SOURCE, SYMBOL, "1d").rename(folder / "bars.parquet")
    (folder / "dataset.json").write_text(json.dumps(dataset.to_dict()))
    Shelf(home).put("template", bars=market(SOURCE))
    home.model(EASY, NAME, "template").rename(folder / "model")
    report = folder / "report"
    report.mkdir()
    (report / "report.json").write_text("{}")
    bars.frame.to_parquet(report / "equity.parquet")
    Image.new("RGB", (8, 8)).save(report / "equity.png")
    return folder
