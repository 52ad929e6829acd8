"""A night of small jobs whose desk is killed again and again, and the examination of what is left in the morning."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config.paths import Home
from daemon.store.tables import outbox
from tests.support.desks.running_desk import RunningDesk, write_config
from tests.support.faults.examination import ATTEMPTS, Figures, Tables, Timetable, examine
from tests.support.servers.webhook_sink import WebhookSink

# Two chains (data, training, evaluation; check, backup) and three jobs alone, all in each other's way.
REST = 600.0  # seconds; workers yield to everything else, and a busy machine lets them wait
EVERY = {"data_update": 7, "signals": 4, "performance_check": 5, "maintenance": 6, "restore_drill": 9}
FOLLOWING = ("training", "evaluation", "backup")


@dataclass
class Night(Figures):
    """What came of a night of kills."""

    kills: int = 0
    kills_before_ready: int = 0


def night_of_kills(home: Home, kills: int, seed: int) -> Night:
    """Kill the desk of `home` so many times, let it come to rest, and examine everything."""
    chance, figures = random.Random(seed), Night(kills=kills)
    secret = home.root.with_name(f"{home.root.name}.secret")
    secret.write_text("a secret for the webhook")
    with WebhookSink() as sink:

        def configure(number: int, **jobs: Any) -> None:
            # Each start finds the other threshold: alerts fire, and are resolved; the last desk finds both.
            write_config(home, **_config(sink.port, secret, number % 2 == 0), jobs=jobs or _jobs())

        for number in range(kills):
            configure(number)
            _live_and_die(home, chance, figures)
        began = datetime.now(UTC)
        configure(kills)
        with RunningDesk(home) as desk:
            asleep = {job: {"enabled": False} for job in (*EVERY, *FOLLOWING)}
            _come_to_rest(desk, lambda strict: configure(0 if strict else 1, **asleep))
            figures.recovered_in.append(_recovered_in(desk))
            if (code := desk.terminate()) != 0:
                figures.left_behind.append(f"the last desk ended with {code}")
        with Tables.of(home.database) as tables:
            examine(home, tables, sink.received, Timetable(EVERY, began), figures)
    return figures


def _jobs() -> dict[str, Any]:
    return {job: {"every": f"{seconds}s"} for job, seconds in EVERY.items()} | {job: {} for job in FOLLOWING}


def _config(port: int, secret: Path, strict: bool) -> dict[str, Any]:
    webhook = {"url": f"http://127.0.0.1:{port}/", "secret": f"file:{secret}", "allow_private": True}
    return {
        "symbols": ["AAPL", "MSFT"],
        "monitoring": {"min_sharpe_ratio": 1000.0 if strict else -1000.0, "clear_after": 1},
        "notifications": {"enabled": True, "webhook": webhook},
        "retention": {"backups": 2, "versions": 3},
        "limits": {"attempts": ATTEMPTS},
    }


def _live_and_die(home: Home, chance: random.Random, figures: Night) -> None:
    early = chance.random() < 0.15
    with RunningDesk(home, wait=False) as desk:
        if early:
            time.sleep(chance.uniform(0.0, 2.0))
            figures.kills_before_ready += desk.url is None
        else:
            desk.wait_for(lambda: desk.url)
            time.sleep(min(chance.expovariate(1 / 2.5), 12.0))
            if desk.events("desk.started"):
                figures.recovered_in.append(_recovered_in(desk))
        desk.kill()
        if not _gone(desk):
            figures.left_behind.append(f"workers {desk.workers()} outlived their desk {desk.pid}")


def _recovered_in(desk: RunningDesk) -> float:
    [started] = desk.events("desk.started")
    return datetime.fromisoformat(started["at"]).timestamp() - desk.began


def _gone(desk: RunningDesk) -> bool:
    """Whether no worker outlives its desk for long; a worker that is just starting needs a moment to notice."""
    end = time.monotonic() + 5.0
    while desk.workers() and time.monotonic() < end:
        time.sleep(0.02)
    return not desk.workers()


def _come_to_rest(desk: RunningDesk, end_the_schedule: Callable[[bool], None]) -> None:
    time.sleep(max(EVERY.values()) + 1)  # long enough for each to be due again
    # The last of each job is left in peace; its alerts fire at the strict threshold, and are over at the other.
    for strict, jobs in (
        (True, ("data_update", "training", "evaluation", "performance_check")),
        (False, ("performance_check", "maintenance", "backup")),
    ):
        reloads = len(desk.events("config.reloaded"))
        end_the_schedule(strict)
        desk.wait_for(lambda reloads=reloads: len(desk.events("config.reloaded")) > reloads)
        for job in jobs:
            desk.rest(REST)
            desk.post(f"/jobs/{job}/run")
        desk.rest(REST)
    desk.wait_for(lambda: _delivered(desk.home))


def _delivered(home: Home) -> bool:
    with Tables.of(home.database) as tables:
        return all(row["delivered_at"] for row in tables.rows(outbox))
