"""A whole night over logs that teach little, nothing, or lie: what is refused, and in which words."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.paths import Home
from config.settings import Settings
from daemon.core.dispatcher import Dispatcher
from daemon.domain.runs import Run
from tests.support.desks.night import WorkingExecutor, attend_all, every_run, request, scripted_desk
from tests.support.markets.trader_logs import log, trade
from tests.unit.daemon.jobs.test_trader_night import FIRST, NOW

TINY = {
    "d_model": 4, "layers": 1, "heads": 1, "context": 128, "tokens": "concatenated", "mirrored": False,
    "fit": {"epochs": 1, "batch_size": 4},
}  # fmt: skip
Logs = dict[str, bytes]
Night = Callable[[Logs], Awaitable[list[Run]]]


def name_of(market: int) -> str:
    return f"btc-updown-15m-{FIRST + 900 * (market - 4)}"


def market(number: int, *fills: dict[str, Any]) -> bytes:
    """A contract of 15 minutes that is over, with these fills, or one every 20 seconds on either side."""
    opens = 900 * (number - 4)
    every = [
        trade(opens + at, 0.4 + at % 7 / 50, 5.0 + at % 3, tx=f"0x{at}", outcome="Up" if at % 3 else "Down")
        for at in range(5, 900, 20)
    ]
    return log(fills or every, name_of(number))


def fills(number: int, count: int, **changes: Any) -> list[dict[str, Any]]:
    opens = 900 * (number - 4)
    return [trade(opens + 5 + 20 * nth, tx=f"0x{nth}", **changes) for nth in range(count)]


def quiet(number: int) -> bytes:
    opens = 900 * (number - 4)
    quotes = [
        {"t": (FIRST + opens + at) * 1000, "type": "price_change", "bestBid": 0.49, "bestAsk": 0.51}
        for at in range(0, 900, 20)
    ]
    return log(quotes, name_of(number))


def put(folder: Path, logs: Logs) -> None:
    place = folder / "merged_trades/0x6031"
    place.mkdir(parents=True)
    for name, content in logs.items():
        (place / f"{name}_prices.json").write_bytes(content)


@pytest.fixture
def night(home: Home, tmp_path: Path) -> Iterator[Night]:
    """Runs the night over a bucket of these logs and gives the end of each of its jobs."""
    document: dict[str, Any] = {
        "symbols": ["AAPL"],
        "model_types": ["decision_transformer"],
        "model_params": {"decision_transformer": TINY},
        "sources": {"bars": "sample", "bucket": {"url": (tmp_path / "logs").as_uri()}},
    }
    (tmp_path / "logs").mkdir()
    with scripted_desk(home, Settings.model_validate(document), NOW + timedelta(hours=1)) as desk:
        desk.executor = WorkingExecutor(desk.home, desk.clock.now)

        async def run(logs: Logs) -> list[Run]:
            put(tmp_path / "logs", logs)
            for job in ("data_update", "training", "evaluation", "signals"):
                request(desk, job)
                await attend_all(Dispatcher(desk))
            return every_run(desk)

        yield run


CASES: dict[str, Logs] = {
    "empty": {},
    "one_market": {name_of(0): market(0)},
    "one_trade": {name_of(0): market(0, *fills(0, 1))},
    "one_side": {name_of(each): market(each, *fills(each, 45)) for each in range(4)},
    "hold": {name_of(each): quiet(each) for each in range(4)},
    "torn": {name_of(each): market(each)[: 900 if each == 1 else None] for each in range(4)},
    "hostile": {
        **{name_of(each): market(each) for each in range(4)},
        name_of(4): b"[" * 5000,
        name_of(5): json.dumps(
            {
                "slug": name_of(5),
                "prices": [
                    {"t": float("nan"), "type": "trade", "price": "x"},
                    {"t": 1e400, "type": "trade", "price": float("inf")},
                    *fills(5, 3, price=float("nan")),
                    *fills(5, 2, size=-1e308),
                    *fills(5, 2, outcome={"a": []}),
                ],
            }
        ).encode(),
        name_of(6): b"\x00\xff" * 50,
        name_of(7): b"",
    },
}


# What data_update and training end with.
ENDS: dict[str, list[tuple[str, str | None]]] = {
    "empty": [("partial", "trades.empty_bucket"), ("skipped", "training.no_target")],
    "one_market": [("succeeded", None), ("succeeded", None)],
    "one_trade": [("succeeded", None), ("succeeded", None)],
    "one_side": [("succeeded", None), ("succeeded", None)],
    "hold": [("partial", "trades.empty"), ("failed", "trader_log.missing")],
}


@pytest.mark.slow
@pytest.mark.parametrize("case", ENDS)
async def test_a_night_over_little_or_nothing_ends_with_a_cause_and_publishes_nothing(night: Night, case: str) -> None:
    pulled, trained, judged, published = await night(CASES[case])
    assert [(run.state, run.cause) for run in (pulled, trained)] == ENDS[case], trained.detail
    if trained.state == "succeeded":
        (refusal,) = judged.detail["failed"].values()
        assert refusal["code"] == "evaluation.too_short"
        assert "more logs of markets that are over" in refusal["cure"]
    else:
        assert (judged.state, judged.cause) == ("skipped", "evaluation.nothing")
    assert (published.state, published.cause) == ("skipped", "signals.no_champion")


@pytest.mark.slow
@pytest.mark.parametrize("case", ["torn", "hostile"])
async def test_a_night_goes_on_with_the_logs_that_can_be_read(night: Night, case: str) -> None:
    pulled, trained, *_ = await night(CASES[case])
    assert pulled.state == "partial"
    assert pulled.detail["trades"]["refused"] or pulled.detail["trades"]["table"]["failed"]
    assert trained.state == "succeeded", trained.detail
