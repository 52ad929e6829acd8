"""A resolver that never answers: a name server that takes every question and says nothing."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.faults.confinement import why_not

_ENTER = (
    'mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/nsswitch.conf && mount --bind "$3" /etc/hosts '
    '&& shift 3 && exec "$@"'
)


@contextmanager
def silent_resolver(folder: Path) -> Iterator[list[str]]:
    """The words before a command whose names, but for localhost, are asked of a server that never answers.

    The test is skipped where that cannot be arranged.
    """
    if reason := why_not():
        pytest.skip(reason)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        try:
            silent.bind(("127.0.0.153", 53))
        except OSError as error:
            pytest.skip(f"port 53 of a loopback address cannot be had: {error.strerror}")
        files = {
            "resolv.conf": "nameserver 127.0.0.153\noptions timeout:30 attempts:5\n",
            "nsswitch.conf": "hosts: files dns\n",
            "hosts": "127.0.0.1 localhost\n",
        }
        for name, text in files.items():
            (folder / name).write_text(text)
        words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER, "enter"]
        words += [str(folder / name) for name in files]
        lookup = "import socket\ntry: socket.getaddrinfo('hangs.example.org', 80)\nexcept OSError: pass"
        trial = subprocess.Popen([*words, "python3", "-c", lookup], stderr=subprocess.DEVNULL)
        try:
            trial.wait(1.0)
        except subprocess.TimeoutExpired:
            yield words
        else:
            pytest.skip("this machine resolves names in another way")
        finally:
            trial.kill()
            trial.wait()
