"""The log: one whole JSON line an event, no secrets in it, and never an error for the one who tells."""

from __future__ import annotations

import io
import json
import logging
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.paths import Home
from config.secrets import Secret
from daemon.system import log as log_module
from daemon.system.clock import ManualClock
from daemon.system.log import Log, append

CLOCK = ManualClock(datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC))


def quiet(home: Home) -> Log:
    return Log(home, CLOCK, "quiet")


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def break_down() -> None:
    raise ValueError("no bars") from KeyError("AAPL")


def test_an_event_is_one_line_of_json_with_its_time_its_level_and_its_name_first(home: Home) -> None:
    quiet(home).write("info", "run.ended", job="training", detail={"tasks": 3, "share": 0.5, "failed": None})
    text = home.log.read_text(encoding="utf-8")
    assert text == (
        '{"at": "2026-03-04T05:06:07.089Z", "level": "info", "event": "run.ended", "job": "training", '
        '"detail": {"tasks": 3, "share": 0.5, "failed": null}}\n'
    )


def test_the_events_of_a_run_carry_its_name_and_stand_in_its_own_file_too(home: Home) -> None:
    log = quiet(home)
    log.write("info", "desk.started")
    log.for_run("training-7").write("info", "run.claimed")
    assert [line.get("run") for line in lines(home.log)] == [None, "training-7"]
    assert [line["event"] for line in lines(home.run_log("training-7"))] == ["run.claimed"]


def test_no_field_can_pretend_to_be_the_time_the_level_or_the_run(home: Home) -> None:
    fields: dict[str, Any] = {"at": "yesterday", "level": "debug", "event": "other", "run": "another"}
    quiet(home).for_run("training-7").write("error", "run.fault", **fields)
    (line,) = lines(home.log)
    assert (line["level"], line["event"], line["run"]) == ("error", "run.fault", "training-7")


def test_an_error_is_logged_with_its_traceback(home: Home) -> None:
    with pytest.raises(ValueError, match="no bars") as raised:
        break_down()
    quiet(home).fault("run.fault", raised.value, job="training")
    (line,) = lines(home.log)
    assert line["error"] == "ValueError: no bars"
    assert "KeyError: 'AAPL'" in line["traceback"]
    assert line["job"] == "training"


@pytest.mark.parametrize("value", ["hunter2hunter2", 'quo"te\\d and spaced', "päss/wörd?&=x"])
def test_a_secret_is_masked_wherever_it_stands(home: Home, value: str) -> None:
    secret = Secret(value)
    stream = io.StringIO()
    desk_log = Log(home, CLOCK, "text", stream=stream)
    desk_log.write(
        "info", "a", plain=secret.reveal(), deep={"list": [("x", f"Bearer {value}")], value: 1}, outputs=secret
    )
    desk_log.write("info", "b", dumped=json.dumps({"token": value}), url=f"http://x/?t={log_module.redact(value)}")
    desk_log.fault("c", ValueError(f"bad token {value}"))
    written = home.log.read_text(encoding="utf-8") + stream.getvalue()
    assert "***" in written
    for form in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        assert form not in written


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.sets(st.integers()),
        max_leaves=20,
    )
)
def test_every_event_becomes_one_line_in_the_file_and_one_on_the_terminal(value: Any) -> None:
    line = log_module._line(
        {"at": "2026-03-04T05:06:07.089Z", "level": "info", "event": "e", "x": log_module._plain(value)}
    )
    assert line.count(b"\n") == 1
    assert json.loads(line)["event"] == "e"
    outputs = log_module._human(json.loads(line))
    assert outputs.endswith("\n")
    assert outputs[:-1].isprintable()


def test_an_event_that_is_too_large_is_logged_without_its_fields(home: Home) -> None:
    quiet(home).for_run("training-7").write("info", "task.output", line="a word " * 20_000)
    (line,) = lines(home.log)
    assert line["event"] == "task.output"
    assert line["run"] == "training-7"
    assert line["truncated"].startswith("the event had 140")


def test_a_terminal_shows_one_plain_line_an_event(home: Home) -> None:
    stream = io.StringIO()
    Log(home, CLOCK, "text", stream=stream).for_run("training-7").write(
        "warning", "task.output", line="clear\x1b[2J screen\nforged line", symbol="AAPL", empty=""
    )
    assert stream.getvalue() == (
        "2026-03-04T05:06:07Z warning task.output run=training-7 "
        'line="clear\\u001b[2J screen\\nforged line" symbol=AAPL empty=""\n'
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_people_get_text_and_pipes_get_json_unless_configured_otherwise(home: Home) -> None:
    outputs = {}
    for name, stream, log_format in (
        ("terminal", Terminal(), None),
        ("pipe", io.StringIO(), None),
        ("asked", Terminal(), "json"),
        ("quiet", Terminal(), "quiet"),
    ):
        Log(home, CLOCK, log_format, stream=stream).write("info", "desk.started")
        outputs[name] = stream.getvalue()
    assert outputs["terminal"].startswith("2026-03-04T05:06:07Z info")
    assert json.loads(outputs["pipe"]) == json.loads(outputs["asked"])
    assert outputs["quiet"] == ""


def test_messages_of_libraries_are_logged_while_the_log_is_open(home: Home) -> None:
    library = logging.getLogger("some.library")
    with quiet(home):
        library.warning("odd %s", "thing")
        library.info("not worth a line")
        try:
            break_down()
        except ValueError:
            library.exception("it broke")
    library.addHandler(logging.NullHandler())
    library.warning("nobody listens any more")
    message, fault = lines(home.log)
    assert (message["event"], message["level"], message["logger"]) == ("library.message", "warning", "some.library")
    assert message["message"] == "odd thing"
    assert (fault["event"], fault["error"]) == ("library.error", "ValueError: no bars")


def test_a_full_file_makes_room_and_the_one_before_it_is_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "MAX_BYTES", 1000)
    log = quiet(home)
    for number in range(100):
        log.write("info", "beat", number=number)
    files = sorted(home.logs.iterdir())
    assert [file.name for file in files] == ["nightdesk.1.jsonl", "nightdesk.jsonl"]
    assert all(file.stat().st_size <= 1000 for file in files)
    numbers = [line["number"] for file in files for line in lines(file)]
    assert numbers == list(range(numbers[0], 100))
    assert len(numbers) > 10


def test_a_log_file_that_was_moved_away_is_begun_anew(home: Home) -> None:
    log = quiet(home)
    log.write("info", "one")
    home.log.rename(home.logs / "rotated-by-another")
    log.write("info", "two")
    assert [line["event"] for line in lines(home.log)] == ["two"]


def test_many_threads_write_whole_lines(home: Home) -> None:
    log = quiet(home)

    def tell(number: int) -> None:
        for _ in range(50):
            log.for_run(f"training-{number}").write("info", "beat", text="x" * 500)

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(home.log)) == 400


def test_a_full_disk_sends_the_events_to_the_terminal_and_raises_nothing(tmp_path: Path) -> None:
    stream = io.StringIO()
    home = Home(tmp_path)
    home.logs.mkdir()
    home.log.symlink_to("/dev/full")
    log = Log(home, CLOCK, "quiet", stream=stream)
    log.write("info", "one")
    log.write("info", "two")
    home.log.unlink()
    log.write("info", "three")
    complaint, first, second = stream.getvalue().splitlines()
    assert complaint == "nightdesk: nightdesk.jsonl cannot be written: No space left on device. Its events come here."
    assert [json.loads(first)["event"], json.loads(second)["event"]] == ["one", "two"]
    assert [line["event"] for line in lines(home.log)] == ["three"]


def test_a_line_that_does_not_fit_is_not_left_torn(home: Home) -> None:
    import resource  # noqa: PLC0415
    import signal  # noqa: PLC0415

    home.logs.mkdir()
    append(home.log, b'{"event": "one"}\n')
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30, limits[1]))
    try:
        with pytest.raises(OSError, match="No space left"):
            append(home.log, b'{"event": "a line that is cut"}\n')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert [line["event"] for line in lines(home.log)] == ["one"]


def test_a_terminal_that_is_gone_stops_nobody(home: Home) -> None:
    stream = io.StringIO()
    log = Log(home, CLOCK, "text", stream=stream)
    stream.close()
    log.write("info", "desk.started")
    assert [line["event"] for line in lines(home.log)] == ["desk.started"]
