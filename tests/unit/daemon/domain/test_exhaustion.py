from __future__ import annotations

import errno
import os

import pytest

from daemon.domain.exhaustion import exhaustion


def caused(by: BaseException) -> BaseException:
    """An error of a library, raised from another."""
    error = ValueError("the library's own words")
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "exhausted.descriptors"),
        (OSError(errno.ENFILE, os.strerror(errno.ENFILE)), "exhausted.descriptors"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "disk.full"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "disk.full"),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "exhausted.memory"),
        (MemoryError(), "exhausted.memory"),
        (OSError("libx.so: failed to map segment from shared object"), "exhausted.memory"),
        (ImportError("libx.so: cannot allocate memory in static TLS block"), "exhausted.memory"),
        (RuntimeError("can't start new thread"), "exhausted.processes"),
    ],
)
def test_what_the_machine_has_run_out_of_is_named_with_its_cure(error, code):
    for seen in (error, caused(error)):
        found = exhaustion(seen)
        assert found is not None
        assert found.code == code
        assert found.cure


def test_a_socket_that_would_block_is_no_exhaustion_but_a_fork_that_cannot_be_made_is():
    error = BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    assert exhaustion(error) is None
    found = exhaustion(error, starting=True)
    assert found is not None
    assert found.code == "exhausted.processes"


@pytest.mark.parametrize("error", [ValueError("x"), OSError(errno.EACCES, "no"), RuntimeError("no running loop")])
def test_any_other_error_is_none(error):
    assert exhaustion(error) is None
