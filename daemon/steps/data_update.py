"""data_update: pull what is new for every symbol, and record the datasets it became."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from daemon.steps.base import Ending, Plan, RunWork, ending_of
from daemon.store import datasets

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Fewer symbols than this, and the pull as a whole has failed.
ENOUGH = 0.95


async def update_data(work: RunWork) -> Ending:
    """One task a symbol; old data stays wherever a pull fails."""
    outcomes = await work.do_all(Plan("update_bars", symbol=symbol) for symbol in work.settings.symbols)
    pulled = [outcome.value for outcome in outcomes.values() if outcome.value is not None]

    await work.write(lambda c: _record(c, pulled))
    ending = ending_of(outcomes, enough=ENOUGH)
    ending.detail["new_rows"] = sum(pull["new_rows"] for pull in pulled)
    ending.detail["sources"] = sorted({pull["dataset"]["source"] for pull in pulled})
    if fallbacks := [pull for pull in pulled if pull["fallback"]]:
        symbols = [pull["dataset"]["symbol"] for pull in fallbacks]
        ending.detail["fallback"] = {"symbols": symbols, "because": fallbacks[0]["fallback"]}
    if quarantined := {pull["dataset"]["symbol"]: pull["quarantined"] for pull in pulled if pull["quarantined"]}:
        ending.detail["quarantined"] = quarantined
    return ending


def _record(c: Connection, pulled: list[dict[str, Any]]) -> None:
    for pull in pulled:
        facts = pull["dataset"]
        datasets.record(
            c,
            dataset=facts["id"],
            kind="bars",
            source=facts["source"],
            symbol=facts["symbol"],
            interval=facts["interval"],
            first=datetime.fromisoformat(facts["first"]),
            last=datetime.fromisoformat(facts["last"]),
            rows=facts["rows"],
            pulled_at=datetime.fromisoformat(facts["pulled_at"]),
            detail={"new_rows": pull["new_rows"], "quarantined": pull["quarantined"]},
        )
