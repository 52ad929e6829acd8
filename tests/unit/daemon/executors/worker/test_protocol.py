"""Messages between daemon and worker: whole, bounded, and refused when they are not what they claim."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import NightdeskError
from config.settings import Settings
from daemon.domain.tasks import ErrorInfo, TaskProgress
from daemon.executors.worker.protocol import (
    MAX_MESSAGE,
    Channel,
    TaskEnded,
    assign,
    assignment_of,
    pack,
    read,
    read_answer,
    receive,
)
from tests.support.desks.worker_tasks import Answer, order

ECHO = order("echo")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
DONE = TaskEnded[Answer](result=Answer(value="done"))


def received(sent: bytes) -> bytes:
    async def body() -> bytes:
        reader = asyncio.StreamReader()
        reader.feed_data(sent)
        reader.feed_eof()
        return await receive(reader)

    return asyncio.run(body())


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_a_message_arrives_as_it_was_sent_on_either_side(args: dict[str, Any]) -> None:
    settings = Settings.model_validate({"limits": {"task_timeout": "1.5s"}, "jobs": {"training": {"every": "7d"}}})
    task, end = assign(ECHO(args=args), "home", settings, {}), TaskEnded[Answer](result=Answer(value=args))
    daemon, worker = socket.socketpair()
    with daemon, worker:
        daemon.sendall(pack(task))
        daemon.shutdown(socket.SHUT_WR)
        channel = Channel(worker)
        assert read(assignment_of(ECHO), channel.receive() or b"") == task
        assert channel.receive() is None
        channel.send(end)
        worker.shutdown(socket.SHUT_WR)
        assert read_answer(Answer, received(daemon.recv(100_000))) == end


@pytest.mark.parametrize(
    "answer",
    [
        DONE,
        TaskEnded[Answer](error=ErrorInfo(code="data.empty", message="No bars.", cure="Pull.", detail={"rows": 0})),
        TaskProgress(fraction=0.5, message="half-way"),
    ],
)
def test_a_worker_sends_what_the_daemon_receives(answer: Any) -> None:
    daemon, worker = socket.socketpair()
    with daemon, worker:
        Channel(worker).send(answer)
        assert read_answer(Answer, received(daemon.recv(1000))) == answer


def test_a_length_beyond_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(NightdeskError, match=f"announces {MAX_MESSAGE + 1} bytes") as refused:
        received(struct.pack(">I", MAX_MESSAGE + 1))
    assert refused.value.code == "task.garbled"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Invalid JSON"),
        (b"{,", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[]", "should be an object"),
        (b"{}", "Unable to extract tag using discriminator 'event'"),
        (b'{"event": "began"}', "does not match any of the expected tags"),
        (b'{"event": "progress", "fraction": "0.5"}', "progress.fraction: Input should be a valid number"),
        (b'{"event": "ended", "result": {"rows": 1}}', "result.value: Field required"),
    ],
)
def test_what_is_no_answer_is_refused_by_name(body: bytes, words: str) -> None:
    with pytest.raises(NightdeskError, match=words) as refused:
        read_answer(Answer, body)
    assert refused.value.code == "task.garbled"


@pytest.mark.parametrize("cut", [1, 3, 4, 10])
def test_a_message_that_is_cut_short_is_an_end(cut: int) -> None:
    whole = pack(DONE)
    with pytest.raises(asyncio.IncompleteReadError):
        received(whole[:cut])
    daemon, worker = socket.socketpair()
    with worker:
        with daemon:
            daemon.sendall(whole[:cut])
        assert Channel(worker).receive() is None


def test_a_message_that_is_too_large_or_not_json_is_refused_before_it_is_sent() -> None:
    with pytest.raises(NightdeskError) as refused:
        pack(Answer(value="x" * MAX_MESSAGE))
    assert refused.value.code == "task.message_too_large"
    for odd in (object(), "\ud800"):
        with pytest.raises(NightdeskError) as refused:
            pack(Answer(value=odd))
        assert refused.value.code == "task.not_json"
