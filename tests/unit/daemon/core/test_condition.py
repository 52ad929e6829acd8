"""How the desk is, case by case: what is amiss, which job it comes from, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.settings import NIGHT, JobName, Settings
from daemon.core.condition import Condition, conditions, overall
from daemon.domain.alert_engine import Alert
from daemon.domain.options import RunOptions
from daemon.domain.progress import RunProgress
from daemon.domain.runs import Run, RunState
from daemon.store.backups import PlaceRecord
from daemon.store.overview import DeskRecord
from daemon.store.servings import Serving

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SETTINGS = Settings(symbols=("AAPL", "MSFT"))
UNKNOWN = {
    "code": "data.unknown_symbol",
    "message": "The folder of bars has no file for AAPL.",
    "cure": "Add AAPL.csv or AAPL.parquet.",
    "detail": {},
}
UNREACHABLE = {
    "code": "data.unreachable",
    "message": "Yahoo did not answer.",
    "cure": "Check the network.",
    "detail": {},
}
WELL = DeskRecord(
    results={},
    pending=(),
    champions=2,
    signals_expire=NOW + timedelta(hours=20),
    firing=(),
    newest_bars={"AAPL": NOW - timedelta(hours=8), "MSFT": NOW - timedelta(days=10)},
    backup_at=NOW - timedelta(days=7),
)


def run(
    job: JobName, state: RunState, cause: str | None = None, detail: dict[str, Any] | None = None, **facts: Any
) -> Run:
    numbered = {"id": NIGHT.index(job) + 1, "not_before": NOW, **facts}
    times = {"scheduled_for": NOW, "recorded_at": NOW, "started_at": NOW, "finished_at": NOW}
    plain = {
        "attempt": 1,
        "trigger": "schedule",
        "chain": (),
        "options": RunOptions(),
        "parent_id": None,
        "owner": None,
    }
    ended = {"job": job, "state": state, "cause": cause, "detail": detail, "settings_fingerprint": None}
    return Run(**{**numbered, **times, **plain, **ended})


def results(*ended: Run) -> dict[JobName, Run]:
    """A night in which everything succeeded but these."""
    return {job: run(job, "succeeded") for job in NIGHT} | {other.job: other for other in ended}


def no_champion(*ended: Run, **facts: Any) -> DeskRecord:
    return replace(WELL, results=results(*ended), champions=0, signals_expire=None, **facts)


def worst(
    record: DeskRecord, problems: tuple[str, ...] = (), progress: Mapping[int, RunProgress] | None = None
) -> Condition:
    return overall(conditions(record, SETTINGS, NOW, problems), record, progress or {})


def alert(rule: str, subject: str, message: str) -> Alert:
    return Alert(
        "f" * 64, rule, subject, "firing", 1, 0, None, None, NOW, NOW, None, NOW, message, "Look at it.", None, 1
    )


def test_after_a_night_without_a_fault_all_is_well() -> None:
    record = replace(WELL, results=results())
    assert conditions(record, SETTINGS, NOW) == []
    assert worst(record) == Condition("ok", "ok", None, "All is well", "All is well.", "")


def test_the_first_night_shows_its_present_job_and_its_progress() -> None:
    training = run("training", "running", id=7)
    record = DeskRecord({"data_update": run("data_update", "succeeded")}, (training,), 0, None, (), {}, None)
    assert conditions(record, SETTINGS, NOW) == []
    before = worst(record)
    assert (before.state, before.code, before.job) == ("ok", "night.first", "training")
    assert before.title == "First night: training"
    assert (
        worst(record, progress={7: RunProgress(done=1, expected=4)}).message
        == "First night under way: training, 1 of 4 done."
    )
    assert worst(record, progress={7: RunProgress()}).message == "First night under way: training."


def test_a_first_night_that_has_promoted_but_not_yet_published_is_no_fault() -> None:
    ended = {job: run(job, "succeeded") for job in NIGHT[:3]}
    record = DeskRecord(ended, (run("signals", "due"),), 1, None, (), {}, None)
    assert worst(record).title == "First night: signals"


def test_a_first_night_without_data_is_down_with_the_job_the_commonest_failure_and_its_cure() -> None:
    failed = {"MSFT": UNREACHABLE, "AAPL": UNKNOWN, "GOOGL": UNKNOWN}
    record = no_champion(
        run("data_update", "failed", "data.unknown_symbol", {"failed": failed}),
        run("training", "skipped", "data.stale", {"failed": {"AAPL": None}}),
        run("evaluation", "skipped", "evaluation.nothing"),
        run("signals", "skipped", "signals.no_champion"),
    )
    (result,) = conditions(record, SETTINGS, NOW)
    assert (result.state, result.code, result.job) == ("down", "data.unknown_symbol", "data_update")
    assert result.title == "Data update failed"
    assert result.message == (
        "data_update-1 failed (data.unknown_symbol): AAPL: The folder of bars has no file for AAPL (2 more failed)."
    )
    assert result.cure == "Add AAPL.csv or AAPL.parquet. Then start it: `nightdesk run-once all`."
    assert worst(record) == result


def test_a_transient_failure_shows_when_it_is_retried_and_names_no_command() -> None:
    retry = run("data_update", "due", id=2, trigger="retry", not_before=NOW + timedelta(minutes=5))
    failed = run("data_update", "failed", "data.unreachable", {"failed": {"AAPL": UNREACHABLE}})
    record = DeskRecord({"data_update": failed}, (retry,), 0, None, (), {}, None)
    found = worst(record)
    assert (found.state, found.job) == ("degraded", "data_update")
    assert found.message.endswith("AAPL: Yahoo did not answer. It is retried at 05:11 UTC.")
    assert found.cure == "Check the network."
    running = replace(record, pending=(replace(retry, state="running", not_before=NOW),))
    assert worst(running).message.endswith("It is being retried now.")


def test_a_first_night_that_failed_at_training_names_the_model_and_the_cure() -> None:
    died = {
        "code": "task.worker_died",
        "message": "The worker was killed.",
        "cure": "Give it more memory.",
        "detail": {},
    }
    training = run("training", "failed", "task.worker_died", {"failed": {"AAPL/behavioral_cloner": died}})
    result = worst(no_champion(training, run("evaluation", "skipped", "evaluation.nothing")))
    assert (result.state, result.job, result.title) == ("down", "training", "Training failed")
    assert "AAPL/behavioral_cloner: The worker was killed." in result.message
    assert result.cure.startswith("Give it more memory.")


@pytest.mark.parametrize(("state", "title"), [("crashed", "Training crashed"), ("timed_out", "Training took too long")])
def test_a_run_that_broke_without_a_word_names_its_log(state: RunState, title: str) -> None:
    result = worst(no_champion(run("training", state, "owner.dead")))
    assert (result.state, result.title, result.code) == ("down", title, "owner.dead")
    assert "logs/runs/training-2.jsonl" in result.cure


def stopped(symbol: str, day: int) -> Serving:
    why = "its recipe is refuted: it lost 3 % a year."
    at = datetime(2026, 3, day, tzinfo=UTC)
    return Serving(day, symbol, "ppo", day, "stop", at, why, "evaluation run 7")


def test_a_champion_that_was_stopped_is_a_problem_while_others_serve_on() -> None:
    result = worst(replace(WELL, results=results(), stopped=(stopped("AAPL", 2),)))
    assert (result.state, result.code, result.title) == ("degraded", "champion.stopped", "AAPL/ppo stopped")
    assert result.message == (
        "Nothing serves for AAPL/ppo since 2026-03-02: its recipe is refuted: it lost 3 % a year."
    )
    assert "nightdesk promote AAPL ppo" in result.cure


def test_several_that_were_stopped_are_one_problem_and_the_cause_that_nothing_serves() -> None:
    record = no_champion(stopped=(stopped("AAPL", 2), stopped("MSFT", 3)))
    codes = [condition.code for condition in conditions(record, SETTINGS, NOW)]
    assert codes == ["champion.stopped"]
    result = worst(record)
    assert result.title == "2 models stopped"
    assert result.message.startswith("Nothing serves for MSFT/ppo since 2026-03-03")
    assert result.message.endswith("1 more place is empty for such a cause.")


def test_that_nothing_serves_is_no_failure_of_a_job() -> None:
    record = no_champion(run("signals", "skipped", "signals.no_champion"))
    (result,) = conditions(record, SETTINGS, NOW)
    assert (result.state, result.code, result.job) == ("degraded", "signals.no_champion", None)
    assert result.message == "No version serves, so no signal is published."
    assert result.cure.startswith("`nightdesk models` lists what was trained")


def test_a_desk_on_which_no_night_has_run_says_so() -> None:
    found = worst(DeskRecord({}, (), 0, None, (), {}, None))
    assert (found.state, found.code) == ("degraded", "night.none")
    assert "run-once all" in found.cure


def test_a_later_night_without_data_is_degraded_while_champions_serve() -> None:
    failed = run("data_update", "failed", "data.unknown_symbol", {"failed": {"AAPL": UNKNOWN}}, id=40)
    result = worst(replace(WELL, results=results(failed)))
    assert (result.state, result.job) == ("degraded", "data_update")
    expired = replace(WELL, results=results(failed), signals_expire=NOW - timedelta(hours=1))
    codes = [condition.code for condition in conditions(expired, SETTINGS, NOW)]
    assert codes == ["data.unknown_symbol", "signals.stale"]


def test_a_run_that_did_only_a_part_is_degraded() -> None:
    partial = run("data_update", "partial", "data.unknown_symbol", {"failed": {"AAPL": UNKNOWN}})
    result = worst(replace(WELL, results=results(partial)))
    assert (result.state, result.title) == ("degraded", "Data update partly failed")
    assert "AAPL: The folder of bars has no file for AAPL." in result.message


def test_a_failure_of_a_traders_log_is_shown_with_its_own_cure() -> None:
    refused = {
        "code": "bucket.refused",
        "message": "The bucket refused the key.",
        "cure": "Mend the key.",
        "detail": {},
    }
    partial = run("data_update", "partial", "bucket.refused", {"trades": {"error": refused}})
    result = worst(replace(WELL, results=results(partial)))
    assert result.message.endswith("The bucket refused the key.")
    assert result.cure.startswith("Mend the key.")


def test_a_skipped_training_names_the_symbols_and_whether_their_data_has_come_since() -> None:
    stale = dict.fromkeys(("AAPL", "GOOGL", "MSFT", "NVDA"))
    skipped = run("training", "skipped", "data.stale", {"failed": stale}, id=12)
    result = worst(replace(WELL, results=results(skipped, run("data_update", "succeeded", id=11))))
    assert (result.state, result.job, result.title) == ("degraded", "training", "Training was skipped")
    assert "no fresh data of AAPL, GOOGL, MSFT and 1 more" in result.message
    assert result.cure.startswith("It needs a data_update that succeeds.")
    since = worst(replace(WELL, results=results(skipped, run("data_update", "succeeded", id=13))))
    assert since.cure == "Its data has come since. Then start it: `nightdesk run-once all`."


def test_a_job_that_the_settings_switch_off_is_nobodys_fault_any_more() -> None:
    failed = replace(WELL, results=results(run("backup", "failed", "disk.full")))
    assert worst(failed).job == "backup"
    off = Settings.model_validate({"jobs": {"backup": {"enabled": False}}})
    assert conditions(failed, off, NOW) == []


def test_signals_that_have_all_expired_are_shown_with_the_time() -> None:
    record = replace(WELL, results=results(), signals_expire=NOW - timedelta(days=3))
    result = worst(record)
    assert (result.state, result.code, result.job) == ("degraded", "signals.stale", "signals")
    assert "expired at 2026-03-01 05:06 UTC" in result.message


def test_data_that_is_old_is_told_with_its_date_whatever_the_jobs_say() -> None:
    ended = {
        "AAPL": datetime(2018, 12, 31, 21, tzinfo=UTC),
        "MSFT": NOW - timedelta(days=13),
        "GONE": datetime(2001, 1, 1, tzinfo=UTC),
    }
    record = replace(WELL, results=results(), newest_bars=ended)
    (found,) = conditions(record, SETTINGS, NOW)
    assert (found.state, found.code, found.job) == ("degraded", "data.old", "data_update")
    assert found.message == "The newest bars of AAPL are of 2018-12-31, and those of 1 more symbols are old too."


def test_old_data_is_told_beside_the_training_that_was_skipped_for_it() -> None:
    skipped = run("training", "skipped", "data.stale", {"failed": {"AAPL": None}})
    record = no_champion(skipped, newest_bars={"AAPL": datetime(2018, 12, 31, 21, tzinfo=UTC)})
    codes = [condition.code for condition in conditions(record, SETTINGS, NOW)]
    assert codes == ["data.stale", "data.old"]


def test_a_night_that_left_no_backup_is_degraded_and_so_is_an_old_one() -> None:
    for backup_at, message in ((None, "no backup that was verified"), (NOW - timedelta(days=9), "of 2026-02-23")):
        found = worst(replace(WELL, results=results(), backup_at=backup_at))
        assert (found.state, found.code, found.job) == ("degraded", "backup.old", "backup")
        assert message in found.message
    none = replace(WELL, results=results(), backup_at=None)
    assert worst(replace(none, pending=(run("backup", "running", id=9),))).state == "ok"
    off = Settings.model_validate({"symbols": ["AAPL"], "jobs": {"backup": {"enabled": False}}})
    assert conditions(none, off, NOW) == []


def test_a_channel_that_takes_no_alerts_is_a_condition_of_its_own() -> None:
    stalled = alert("notify.stalled", "webhook", "The channel webhook takes nothing.")
    (only,) = conditions(replace(WELL, results=results(), firing=(stalled,)), SETTINGS, NOW)
    assert (only.state, only.code, only.title) == ("degraded", "notify.stalled", "webhook is mute")
    assert only.message == "The channel webhook takes nothing."
    both = conditions(
        replace(WELL, results=results(), firing=(stalled, alert("disk.full", "disk", "It is full."))), SETTINGS, NOW
    )
    assert [condition.title for condition in both] == ["webhook is mute", "1 alert"]


def test_the_first_night_is_not_blamed_for_what_only_its_end_brings() -> None:
    old = {"AAPL": datetime(2018, 12, 31, 21, tzinfo=UTC)}
    record = DeskRecord({}, (run("training", "running", id=7),), 0, None, (), old, None)
    assert worst(record).message == "First night under way: training."


def test_an_alert_is_told_but_not_twice_when_it_is_about_a_job_that_failed() -> None:
    failed = run("data_update", "failed", "data.unknown_symbol", {"failed": {"AAPL": UNKNOWN}})
    firing = (alert("run.failed", "data_update", "data_update-1 failed."),)
    (result,) = conditions(replace(WELL, results=results(failed), firing=firing), SETTINGS, NOW)
    assert result.job == "data_update"
    other = (alert("run.failed", "restore_drill", "It failed."), alert("disk.full", "disk", "The disk is full."))
    (result,) = conditions(replace(WELL, results=results(), firing=other), SETTINGS, NOW)
    assert (result.state, result.title, result.code) == ("degraded", "2 alerts", "run.failed")
    assert result.message == "It failed. 1 more is firing."


@pytest.mark.parametrize(
    ("problem", "cure"),
    [("scheduler.stalled", "restart"), ("store.unreachable", "database"), ("desk.not_running", "nightdesk run")],
)
def test_what_keeps_the_desk_from_its_work_comes_before_all_else(problem: str, cure: str) -> None:
    failed = run("backup", "failed", "disk.full")
    result = conditions(replace(WELL, results=results(failed)), SETTINGS, NOW, (problem,))
    assert [condition.state for condition in result] == ["down", "degraded"]
    assert result[0].code == problem
    assert cure in result[0].cure


def test_a_problem_without_words_of_its_own_is_named() -> None:
    assert "something.new" in worst(WELL, ("something.new",)).message


def test_a_place_without_a_fresh_copy_is_degraded() -> None:
    for copied_at, message in (
        (None, "No backup has arrived at folder usb yet."),
        (NOW - timedelta(days=9), "The newest backup at folder usb is of 2026-02-23."),
    ):
        place = PlaceRecord("folder usb", "backup_1" if copied_at else None, copied_at)
        found = worst(replace(WELL, results=results(), places=(place,)))
        assert (found.state, found.code, found.message) == ("degraded", "backup.no_copy", message)
    fresh = PlaceRecord("folder usb", "backup_1", NOW - timedelta(days=1))
    assert worst(replace(WELL, results=results(), places=(fresh,))).state == "ok"


def test_a_place_that_the_backup_could_not_reach_is_one_problem_and_not_two() -> None:
    place = PlaceRecord("folder usb", None, None)
    failed = run("backup", "partial", "backup.no_folder", {"places": {"folder usb": UNREACHABLE}})
    found = conditions(replace(WELL, results=results(failed), places=(place,)), SETTINGS, NOW)
    assert [(condition.job, condition.code) for condition in found] == [("backup", "backup.no_folder")]
