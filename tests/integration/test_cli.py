"""The command line against real homes: one where a desk runs, one where it sleeps, and one that is new."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from config.errors import NightdeskError
from config.loader import DEFAULT_CONFIG
from config.paths import Home
from config.secrets import TOKEN_VARIABLE
from config.settings import Settings
from daemon.alerts.rules import event
from daemon.cli import follow
from daemon.cli.app import app, main
from daemon.cli.commands import inspect
from daemon.domain.runs import Owner
from daemon.store import alerts, outbox, runs
from daemon.store.database import Database
from daemon.system.lock import HomeLock
from data_pipeline.bars.store import BarStore
from data_pipeline.sources.sample import SampleSource
from tests.support.desks.fake_desk import FakeDesk, end_run, filled_desk
from tests.support.servers.http import TOKEN, serving
from trainers import registry


@dataclass(frozen=True)
class CommandResult:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def _no_token(monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)


@pytest.fixture
def nightdesk(home: Home, monkeypatch, capsys):
    """The command, in this process."""

    def run(*words: str) -> CommandResult:
        monkeypatch.setattr(sys, "argv", ["nightdesk", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return CommandResult(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


@pytest.fixture
def asleep(home: Home) -> Home:
    """A home whose desk has worked and gone."""
    with filled_desk(home):
        pass
    return home


@pytest.fixture
def desk(home: Home, monkeypatch):
    """A home whose desk answers at its address."""
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    monkeypatch.setattr(follow, "INTERVAL", 0.01)
    with filled_desk(home) as desk, serving(desk) as url, HomeLock(home, "desk") as lock:
        lock.publish(api=url)
        yield desk


def end_what_is_at_work(desk: FakeDesk) -> None:
    now = desk.clock.now()
    desk.database.write(lambda c: [runs.finish(c, run.id, "failed", now, attempts=1) for run in runs.active(c)])


def ending_in(desk: FakeDesk, state: str, **facts) -> None:
    """Let every run that is asked for end at once in `state`."""
    ask = desk.request_run

    def request_run(job, *, options, author):
        run = ask(job, options=options, author=author)
        now = desk.clock.now()
        desk.database.write(lambda c: runs.claim(c, run.id, Owner.me(), now))
        desk.database.write(lambda c: runs.finish(c, run.id, state, now, attempts=1, **facts))
        return run

    desk.request_run = request_run


def test_status_without_a_running_desk_shows_what_was_recorded(asleep, nightdesk):
    result = nightdesk("status")
    assert result.code == 0
    assert "not running; this is what it recorded" in result.out
    assert "Sample data" not in result.err
    assert "AAPL" in result.out
    assert nightdesk("status", "--json").json["problems"] == ["desk.not_running"]


def test_status_names_the_job_that_failed_and_its_cure(desk, nightdesk):
    assert "Degraded: Sharpe ratio 0.10 is below 0.50." in nightdesk("status").out
    error = NightdeskError("data.empty", "There are no bars of AAPL.", "Pull them.").to_dict()
    run = end_run(desk, "data_update", "failed", cause="data.empty", detail={"failed": {"AAPL": error}})
    result = nightdesk("status")
    assert result.code == 0
    assert f"Degraded: {run.name} failed (data.empty): AAPL: There are no bars of AAPL." in result.out
    assert "Cure: Pull them. Then start it: `nightdesk run-once all`." in result.out
    assert nightdesk("status", "--json").json["health"]["job"] == "data_update"


def test_the_conditions_of_a_stopped_desk_are_down_and_its_failed_job(home, nightdesk):
    with filled_desk(home) as desk:
        end_run(desk, "backup", "timed_out", cause="task.timed_out")
    states = [(condition["state"], condition["code"]) for condition in nightdesk("status", "--json").json["conditions"]]
    assert states[:2] == [("down", "desk.not_running"), ("degraded", "task.timed_out")]
    assert "Cure: Start it: `nightdesk run`." in nightdesk("status").out


def test_a_running_desk_is_asked_over_its_api(desk, nightdesk):
    document = nightdesk("status", "--json").json
    assert document["ready"] is True
    assert [run["job"] for run in document["running"]] == ["training"]
    assert "1 of 2 done" in nightdesk("status").out


def test_asleep_or_awake_the_answers_are_the_same(home, nightdesk, monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    questions = (("models", "--json"), ("models", "1", "--json"))
    with filled_desk(home) as desk, serving(desk) as url, HomeLock(home, "desk") as lock:
        lock.publish(api=url)
        awake = [nightdesk(*question).out for question in questions]
    assert [nightdesk(*question).out for question in questions] == awake


def test_signals_of_a_sleeping_desk_go_stale(asleep, nightdesk):
    (signal,) = nightdesk("signals", "--json").json["items"]
    assert (signal["symbol"], signal["action"], signal["stale"]) == ("AAPL", "buy", True)
    shown = nightdesk("signals").out.splitlines()
    assert shown[1].endswith("stale, sample data")
    assert shown[2].startswith("AAPL behavioral_cloner: unproven. Has a record of 100 bars")
    assert "serves, but has no current signal: Its newest signal expired at 2026-03-05" in shown[3]
    assert shown[4] == "  Cure: `nightdesk run-once signals` publishes it now."
    assert shown[3] in nightdesk("status").out.splitlines()
    assert nightdesk("signals", "AAPL", "--json").json["current"] == []


def test_one_model_is_shown_with_its_evaluations_and_servings(asleep, nightdesk):
    result = nightdesk("models", "1")
    assert "nothing served here, and its recipe is not refuted" in result.out


def test_what_does_not_exist_is_a_usage_error(asleep, nightdesk):
    for words, message in (
        (("models", "999"), "There is no model version 999."),
        (("signals", "NONE"), "There are no signals of NONE."),
        (("run-once", "everything"), "There is no job 'everything'."),
    ):
        result = nightdesk(*words)
        assert result.code == 2
        assert result.err.startswith(f"error: {message}\nCure: ")


def test_an_invalid_option_gives_an_error_of_one_line(nightdesk, home):
    result = nightdesk("data", "--symbols", "../x", "--update-data")
    message = "'../x' cannot be used for symbols/0: must be a symbol such as AAPL, BTC-USD or ^GSPC."
    assert (result.code, result.err) == (2, f"error: {message}\nCure: Correct the option.\n")


def test_a_new_home_has_nothing_to_look_at(nightdesk, home):
    result = nightdesk("status")
    assert result.code == 2
    assert "has no desk yet" in result.err
    assert not home.database.exists()


@pytest.mark.parametrize(
    ("state", "code"),
    [("succeeded", 0), ("partial", 1), ("skipped", 1), ("failed", 1), ("timed_out", 5), ("cancelled", 130)],
)
def test_the_exit_code_depends_on_how_the_run_ended(desk, nightdesk, state, code):
    ending_in(desk, state)
    result = nightdesk("run-once", "maintenance", "--json")
    assert result.code == code
    assert [run["state"] for run in result.json["runs"]] == [state]


def test_maintenance_of_a_new_home_ends_well_and_says_so(home, nightdesk):
    ended = nightdesk("run-once", "maintenance")
    assert (ended.code, ended.err.count("Traceback")) == (0, 0)
    assert ended.out.split() == ["run", "state", "cause", "maintenance-1", "succeeded", "-"]


def test_in_a_whole_night_a_job_may_have_nothing_to_do(desk, nightdesk):
    desk.database.write(
        lambda c: [runs.finish(c, r.id, "failed", desk.clock.now(), attempts=1) for r in runs.active(c)]
    )
    ending_in(desk, "skipped")
    assert nightdesk("run-once", "all").code == 0
    assert [job for job, _, _ in desk.requested][:3] == ["data_update", "training", "evaluation"]


def test_a_failed_run_is_printed_with_its_reason_and_its_cure(desk, nightdesk):
    error = NightdeskError("data.empty", "There are no bars of AAPL.", "Pull them.").to_dict()
    ending_in(desk, "failed", cause="data.empty", detail={"failed": {"AAPL": error}})
    assert "AAPL: There are no bars of AAPL. Cure: Pull them." in nightdesk("run-once", "data").err


def test_what_went_well_still_tells_what_was_not_used_and_that_data_is_result_up(desk, nightdesk):
    fallback = {"symbols": ["AAPL"], "reason": "Yahoo cannot be reached."}
    pulled = {"new_rows": 7, "sources": ["sample"], "fallback": fallback, "quarantined": {"AAPL": {"not_positive": 2}}}
    ending_in(desk, "succeeded", detail=pulled)
    result = nightdesk("run-once", "data").out
    assert "7 new bars, from sample." in result
    assert "The sample market is used for AAPL. Yahoo cannot be reached." in result
    assert "AAPL: refused bars, kept in data/quarantine: not_positive 2." in result


def test_data_that_a_model_type_could_not_use_is_printed(desk, nightdesk):
    end_what_is_at_work(desk)
    issues = {"unknown_actions": {"byu": 3, "moon": 1}, "dates_without_bar": 2}
    ending_in(desk, "succeeded", detail={"issues": {"AAPL/behavioral_cloner": issues}})
    result = nightdesk("run-once", "training").out
    assert "AAPL/behavioral_cloner: not used of its data: unknown actions: byu 3, moon 1." in result
    assert "AAPL/behavioral_cloner: not used of its data: dates without bar: 2." in result


def test_the_seeds_flags_are_understood(desk, nightdesk):
    desk.database.write(
        lambda c: [runs.finish(c, r.id, "failed", desk.clock.now(), attempts=1) for r in runs.active(c)]
    )
    ending_in(desk, "succeeded")
    assert nightdesk("--run-once", "evaluation").code == 0
    words = ("train", "--model-type", "behavioral_cloner", "--symbol", "AAPL", "--steps", "10000")
    trained = nightdesk(*words)
    assert trained.code == 0
    assert trained.err.startswith("behavioral_cloner counts no steps: --steps changes nothing of its training.\n")
    assert nightdesk("evaluate", "--symbol", "AAPL", "--create-plots").code == 0
    assert nightdesk("data", "--symbols", "AAPL", "GOOGL", "--update-data").code == 0
    options = {"symbols": ["AAPL"], "model_types": ["behavioral_cloner"], "steps": 10_000}
    assert [(job, options.document()) for job, options, _ in desk.requested] == [
        ("evaluation", {}),
        ("data_update", options),
        ("training", options),
        ("evaluation", {"symbols": ["AAPL"]}),
        ("data_update", {"symbols": ["AAPL", "GOOGL"]}),
    ]
    assert nightdesk("--status").out.startswith("Nightdesk ")


def test_flags_of_a_model_type_reach_its_params(desk, nightdesk):
    end_what_is_at_work(desk)
    ending_in(desk, "succeeded")
    words = ("train", "--model-type", "ppo", "behavioral_cloner", "--symbol", "AAPL")
    flags = ("--hidden_dim", "32", "--lr=0.001", "--n-estimators", "20")
    assert nightdesk(*words, *flags).code == 0
    options = {
        "symbols": ["AAPL"],
        "model_types": ["ppo", "behavioral_cloner"],
        "model_params": {
            "ppo": {"agent": {"hidden_dim": 32, "learning_rate": 0.001}},
            "behavioral_cloner": {"n_estimators": 20},
        },
    }
    assert [(job, options.document()) for job, options, _ in desk.requested] == [
        ("data_update", options),
        ("training", options),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--model-type", "ppo", "--hiden-dim", "3"), "Did you mean --hidden-dim?"),
        (("--model-type", "ppo", "--step", "3"), "Did you mean --steps?"),
        (("--model-type", "ppo", "--n-estimators", "3"), "no option '--n-estimators' for ppo"),
        (("--model-type", "ppo", "--hidden-dim", "wide"), "'wide' cannot be used for --hidden-dim"),
        (("--model-type", "ppo", "--hidden-dim", "0"), "agent.hidden_dim"),
        (("--model-type", "ppo", "--hidden-dim"), "--hidden-dim has no value"),
        (("now",), "no option 'now' for behavioral_cloner"),
    ],
)
def test_a_flag_that_is_not_known_or_not_usable_is_a_usage_error_with_a_cure(nightdesk, words, message):
    result = nightdesk("train", *words)
    assert result.code == 2
    assert message in result.err
    assert "Cure: " in result.err


def test_the_help_of_train_lists_the_flags_of_every_model_type(nightdesk):
    result = nightdesk("train", "--help").out
    lines = [" ".join(line.split()) for line in result.splitlines()]
    assert any(line.startswith("--steps steps of each training") for line in lines)
    assert "--hidden-dim units in each of the two hidden layers" in lines
    assert "behavioral_cloner --n-estimators --max-depth" in lines
    assert all(
        any(line.startswith(f"{name} --") for line in lines) for name in registry.names() if registry.flags(name)
    )


def test_a_job_at_work_is_not_started_again(desk, nightdesk):
    result = nightdesk("run-once", "training")
    assert result.code == 2
    assert "already due or at work" in result.err


def test_without_the_token_nothing_is_changed(desk, nightdesk, monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE)
    result = nightdesk("run-once", "signals", "--json")
    assert result.code == 1
    assert json.loads(result.err)["error"]["code"] == "request.token"
    assert desk.requested == []


def test_a_desk_with_a_broken_config_still_takes_commands(desk, home, nightdesk, monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE)
    home.token.write_text(TOKEN)
    home.token.chmod(0o600)
    home.config.write_text('{"symbols": [')
    ending_in(desk, "succeeded")
    assert nightdesk("run-once", "signals").code == 0


def test_a_desk_that_does_not_answer_has_another_exit_code_than_a_stopped_one(home, nightdesk):
    with HomeLock(home, "desk") as lock:
        lock.publish(api="http://127.0.0.1:9")
        result = nightdesk("status")
    assert result.code == 3
    assert "does not answer" in result.err


def test_a_home_that_another_process_holds_is_left_alone(home, nightdesk):
    with HomeLock(home, "run-once"):
        result = nightdesk("run-once", "maintenance")
    assert result.code == 75
    assert "run-once" in result.err


def test_an_invalid_config_is_refused_with_line_and_column(home, nightdesk):
    home.config.write_text('{\n  "symbol": []\n}')
    for words in (("run",), ("status",), ("run-once", "all")):
        result = nightdesk(*words)
        assert result.code == 4
        assert "line 2, column 3: /symbol is not a known key" in result.err
        assert "Did you mean 'symbols'?" in result.err


def test_an_unregistered_model_type_is_refused_with_a_list_of_those_registered(home, nightdesk):
    home.config.write_text('{"model_types": ["deepscalper"]}')
    result = nightdesk("run-once", "all")
    assert result.code == 4
    assert "deepscalper" in result.err
    assert "behavioral_cloner" in result.err


def test_a_model_type_that_is_mistyped_is_no_fault_of_the_config(nightdesk):
    result = nightdesk("train", "--model-type", "nope")
    assert result.code == 2
    assert "behavioral_cloner" in result.err


@pytest.mark.parametrize("words", [("init",), ("create-config",), ("--create-config",)])
def test_init_writes_a_config_once(home, nightdesk, words):
    assert nightdesk(*words).code == 0
    assert home.config.read_bytes() == DEFAULT_CONFIG.read_bytes()
    home.config.write_text("{}")
    second = nightdesk(*words)
    assert second.code == 2
    assert "There is a config already" in second.err
    assert home.config.read_text() == "{}"


def test_init_replaces_a_config_only_by_force_and_writes_samples_when_asked(home, nightdesk):
    home.config.write_text("{}")
    written = nightdesk("init", "--force", "--sample", "--json").json["written"]
    assert home.config.read_bytes() == DEFAULT_CONFIG.read_bytes()
    assert {"data/samples/bars/AAPL.csv", "data/samples/experts/AAPL.csv"} <= set(written)
    assert (home.samples / "experts" / "AAPL.csv").read_text().startswith("date,action\n")
    assert all((home.root / name).is_file() for name in written)


def test_what_is_stored_is_listed_and_damage_is_found(home, nightdesk):
    bars = SampleSource().fetch("AAPL", "1d", datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC))
    BarStore(home).save(bars, datetime(2024, 6, 1, tzinfo=UTC))
    (dataset,) = nightdesk("data", "--list", "--json").json["datasets"]
    assert (dataset["symbol"], dataset["rows"], dataset["fresh"]) == ("AAPL", len(bars), False)
    assert nightdesk("data", "--check").code == 0
    file = home.bars("sample", "AAPL", "1d")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    result = nightdesk("data", "--check", "--json")
    assert result.code == 1
    assert result.json["datasets"][0]["problem"]["code"] == "data.corrupt"


def test_the_doctor_finds_nothing_wrong_with_a_new_home(home, nightdesk):
    home.config.write_text('{"sources": {"bars": "sample"}, "api": {"port": 0}}')
    result = nightdesk("doctor", "--json")
    assert result.code == 0
    assert {check["name"] for check in result.json["checks"] if check["state"] == "ok"} >= {
        "python", "libraries", "workers", "home", "config", "database", "port", "token", "source",
    }  # fmt: skip


def test_the_doctor_ends_with_1_when_something_fails(home, nightdesk):
    home.config.write_text('{"model_types": ["none"]}')
    result = nightdesk("doctor")
    assert result.code == 1
    assert f"config: Use one of: {', '.join(registry.names())}." in result.out


def test_an_unexpected_fault_is_one_sentence_and_a_traceback_only_when_asked(asleep, nightdesk, monkeypatch):
    def broken(_):
        raise KeyError("nobody thought of this")

    monkeypatch.setattr(inspect, "reader", broken)
    result = nightdesk("status")
    assert result.code == 1
    assert result.err.startswith("error: Unexpected KeyError: 'nobody thought of this'.\nCure: ")
    assert "Traceback" not in result.err
    assert "Traceback" in nightdesk("status", "-vv").err


def test_ctrl_c_ends_with_130(asleep, nightdesk, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(inspect, "reader", interrupted)
    assert nightdesk("status").code == 130


@pytest.mark.parametrize("command", [None, *(command.name for command in app.registered_commands)])
def test_every_command_explains_itself(nightdesk, command):
    result = nightdesk(*filter(None, [command]), "--help")
    assert result.code == 0
    assert "Usage: nightdesk" in result.out


def test_the_command_line_itself_imports_nothing_heavy():
    heavy = "{'rich', 'pandas', 'numpy', 'sqlalchemy', 'fastapi', 'uvicorn', 'apscheduler'}"
    check = f"import sys, daemon.cli.app; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_a_person_orders_to_serve_reaches_the_desk_with_their_name(desk, nightdesk):
    ending_in(desk, "succeeded")
    pair = ("AAPL", "behavioral_cloner")
    assert nightdesk("promote", *pair, "v1", "--reason", "It is better.").code == 0
    assert nightdesk("rollback", *pair, "--reason", "It was worse.").code == 0
    assert nightdesk("pin", *pair, "--reason", "Holidays.").code == 0
    assert nightdesk("unpin", *pair).code == 0
    assert {job for job, _, _ in desk.requested} == {"promotion"}
    orders = [options.order for _, options, _ in desk.requested]
    assert [(order.action, order.version, order.reason) for order in orders] == [
        ("promote", "v1", "It is better."),
        ("rollback", None, "It was worse."),
        ("pin", None, "Holidays."),
        ("unpin", None, ""),
    ]
    assert all(order.author != "api" for order in orders)


def test_an_order_that_cannot_be_used_is_an_error_of_usage(desk, nightdesk):
    result = nightdesk("promote", "AAPL", "behavioral_cloner", "v" * 65, "--reason", "It is better.")
    assert (result.code, desk.requested) == (2, [])
    assert "cannot be used for order/version" in result.err


def test_records_are_listed_with_their_standing_their_sentence_and_what_was_tried(asleep, nightdesk):
    result = nightdesk("records")
    assert result.code == 0
    assert "unproven" in result.out
    assert "AAPL/behavioral_cloner: Has a record of 100 bars; fewer than 252 prove nothing." in result.out
    assert "2 recipes tried in this home; confidence 0.95 for a year of nights." in result.out
    assert nightdesk("records", "--json").json["tried"] == 2


@pytest.mark.parametrize("awake", [True, False], ids=["awake", "asleep"])
def test_dead_letters_are_listed_and_sent_again(home, nightdesk, request, awake):
    if awake:
        request.getfixturevalue("desk")
    else:
        with filled_desk(home):
            pass
    with closing(Database.open(home.database)) as database:
        now = datetime.now(UTC)
        observation = event("run.failed", "training", "It failed.", "Look.")
        database.write(lambda c: alerts.observe(c, observation, Settings(), now))
        (delivery,) = database.read(lambda c: outbox.pending(c, now, ["log"]))
        database.write(lambda c: outbox.block(c, delivery, "notify.blocked", "It answered 422."))
    listed = nightdesk("alerts")
    assert listed.code == 0
    assert "It failed." in listed.out
    assert "It answered 422." in listed.out
    assert "It answered 422." in nightdesk("status").out
    assert nightdesk("alerts", "--json").json["channels"][0]["dead"] == 1
    unknown = nightdesk("alerts", "retry", "pager")
    assert (unknown.code, "No channel called 'pager'" in unknown.err) == (2, True)
    assert "1 dead letter is sent again." in nightdesk("alerts", "retry", "log").out
    assert nightdesk("alerts", "retry", "--json").json == {"retried": 0}
