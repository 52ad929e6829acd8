"""The document in memory: built once for many readers, never older than the last write."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from daemon.api import snapshot
from daemon.api.snapshot import Snapshot
from daemon.domain.etags import matches


class Source:
    """A version and a build that a test drives."""

    def __init__(self) -> None:
        self.version = 0
        self.builds = 0
        self.gate = threading.Event()
        self.gate.set()
        self.broken: Exception | None = None

    def build(self) -> bytes:
        self.builds += 1
        built_from = self.version
        assert self.gate.wait(5)
        if self.broken:
            raise self.broken
        return b"%d" % built_from

    def snapshot(self) -> Snapshot:
        return Snapshot(self.build, lambda: self.version)


@pytest.fixture
def source() -> Source:
    return Source()


def test_a_document_is_built_once_for_many_readers(source):
    async def read() -> None:
        document = source.snapshot()
        source.gate.clear()
        readers = [asyncio.create_task(document.get()) for _ in range(50)]
        await asyncio.sleep(0.05)
        source.gate.set()
        assert {(await reader).body for reader in readers} == {b"0"}
        assert (await document.get()).body == b"0"

    asyncio.run(read())
    assert source.builds == 1


def test_a_change_is_in_the_next_answer(source):
    async def read() -> None:
        document = source.snapshot()
        for version in range(5):
            source.version = version
            assert (await document.get()).body == b"%d" % version

    asyncio.run(read())
    assert source.builds == 5


def test_a_build_that_began_before_a_write_does_not_answer_for_after_it(source):
    async def read() -> None:
        document = source.snapshot()
        source.gate.clear()
        early = asyncio.create_task(document.get())
        await asyncio.sleep(0.05)
        source.version = 1
        late = asyncio.create_task(document.get())
        await asyncio.sleep(0.05)
        source.gate.set()
        assert ((await early).body, (await late).body) == (b"0", b"1")

    asyncio.run(read())


def test_a_document_a_second_old_is_handed_out_while_the_next_is_built(source, monkeypatch):
    monkeypatch.setattr(snapshot, "FRESH", 0.0)

    async def read() -> None:
        document = source.snapshot()
        await document.get()
        source.gate.clear()
        began = time.monotonic()
        for _ in range(100):
            assert (await document.get()).body == b"0"
        assert time.monotonic() - began < 0.5
        source.gate.set()
        await asyncio.sleep(0.05)

    asyncio.run(read())
    assert source.builds <= 3


def test_a_document_that_was_not_read_for_a_long_time_is_built_anew(source, monkeypatch):
    monkeypatch.setattr(snapshot, "USABLE", 0.0)

    async def read() -> None:
        document = source.snapshot()
        await document.get()
        await document.get()

    asyncio.run(read())
    assert source.builds == 2


def test_a_failed_build_reaches_its_readers_and_the_next_one_builds_anew(source):
    async def read() -> None:
        document = source.snapshot()
        source.broken = OSError("disk")
        with pytest.raises(OSError, match="disk"):
            await document.get()
        source.broken = None
        assert (await document.get()).body == b"0"

    asyncio.run(read())


def test_a_reader_that_leaves_does_not_break_the_build_for_the_others(source):
    async def read() -> None:
        document = source.snapshot()
        source.gate.clear()
        leaving, staying = asyncio.create_task(document.get()), asyncio.create_task(document.get())
        await asyncio.sleep(0.05)
        leaving.cancel()
        await asyncio.sleep(0)
        source.gate.set()
        assert (await staying).body == b"0"

    asyncio.run(read())


@pytest.mark.parametrize(
    ("sent", "matching"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ("", False), ('"b"', False), ("a", False)],
)
def test_if_none_match_follows_the_standard(sent, matching):
    assert matches(sent, '"a"') is matching
