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
from daemon.protocol import MAX_MESSAGE, Channel, pack, receive

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def received(sent: bytes) -> dict[str, Any]:
    async def body() -> dict[str, Any]:
        reader = asyncio.StreamReader()
        reader.feed_data(sent)
        reader.feed_eof()
        return await receive(reader)

    return asyncio.run(body())


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_a_message_arrives_as_it_was_sent_on_either_side(message: dict[str, Any]) -> None:
    assert received(pack(message)) == message
    daemon, worker = socket.socketpair()
    with daemon, worker:
        daemon.sendall(pack(message))
        daemon.shutdown(socket.SHUT_WR)
        channel = Channel(worker)
        assert channel.receive() == message
        assert channel.receive() is None


def test_a_worker_sends_what_the_daemon_receives() -> None:
    daemon, worker = socket.socketpair()
    with daemon, worker:
        Channel(worker).send({"event": "ended"})
        assert received(daemon.recv(1000)) == {"event": "ended"}


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (struct.pack(">I", MAX_MESSAGE + 1), f"announces {MAX_MESSAGE + 1} bytes"),
        (struct.pack(">I", 2) + b"[]", "is not an object"),
        (struct.pack(">I", 2) + b"{,", "is not JSON"),
        (struct.pack(">I", 2) + b"\xff\xfe", "is not JSON"),
        (struct.pack(">I", 0), "is not JSON"),
    ],
)
def test_what_is_not_a_message_is_refused_by_name(sent: bytes, words: str) -> None:
    with pytest.raises(NightdeskError, match=words) as refused:
        received(sent)
    assert refused.value.code == "task.garbled"


@pytest.mark.parametrize("cut", [1, 3, 4, 10])
def test_a_message_that_is_cut_short_is_an_end(cut: int) -> None:
    whole = pack({"event": "ended"})
    with pytest.raises(asyncio.IncompleteReadError):
        received(whole[:cut])
    daemon, worker = socket.socketpair()
    with worker:
        with daemon:
            daemon.sendall(whole[:cut])
        assert Channel(worker).receive() is None


def test_a_message_that_is_too_large_or_not_json_is_refused_before_it_is_sent() -> None:
    with pytest.raises(NightdeskError) as refused:
        pack({"text": "x" * MAX_MESSAGE})
    assert refused.value.code == "task.message_too_large"
    for odd in (object(), {1: 2}, {"set": {1}}, 2**70, "\ud800"):
        with pytest.raises(NightdeskError) as refused:
            pack({"value": odd})
        assert refused.value.code == "task.not_json"
