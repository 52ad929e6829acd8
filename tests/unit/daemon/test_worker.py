from __future__ import annotations

import errno
import os
from typing import Any

import pytest

from daemon.worker import WorkContext, perform


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "disk.full"), (errno.EDQUOT, "disk.full"), (errno.EIO, "task.crashed")]
)
def test_a_task_for_whose_files_there_is_no_room_says_so(home: Any, number: int, code: str) -> None:
    def write(_: WorkContext, __: dict[str, Any]) -> dict[str, Any]:
        raise OSError(number, os.strerror(number))

    ended = perform({"kind": "train", "args": {}}, lambda _: write, context=None)  # type: ignore[arg-type]
    assert (ended["state"], ended["error"]["code"]) == ("failed", code)
