"""The lock of a home: one process at a time may change what is in it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from config.errors import LockedError, NightdeskError
from config.paths import Home
from daemon.domain.runs import Owner
from daemon.system.clock import SystemClock

# Of the file; longer than any holder.
LENGTH = 1024
_READ_ONLY = {errno.EACCES, errno.EPERM, errno.EROFS}


@dataclass(frozen=True)
class Holder:
    """The process that holds a home, as it wrote into the lock's file."""

    owner: Owner
    purpose: str
    since: str
    api: str | None = None


def holder(home: Home) -> Holder | None:
    """The process that holds this home now, if one does."""
    written = _read_holder(home)
    if written is None or written.owner.alive():
        return written
    return written if not written.owner.visible and _is_locked(home) else None


def _is_locked(home: Home) -> bool:
    """Whether the kernel says so; for a holder with another boot id or PID namespace than this process.

    A container numbers its processes anew. LXC and systemd-nspawn lay a boot id of their own over the kernel's, which a
    service with ProtectProc does not see.
    To ask, the lock is shared for an instant, so this is not for every question.
    """
    try:
        handle = os.open(home.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno == errno.EWOULDBLOCK
    else:
        return False
    finally:
        os.close(handle)


def _read_holder(home: Home) -> Holder | None:
    try:
        written = json.loads(home.lock.read_bytes())
        return Holder(Owner(**written.pop("owner")), **written)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # none yet, or the holder is just writing it


class HomeLock:
    """Holds a home while its block lasts, and not a moment longer than its process lives.

    The kernel's lock (flock) counts; the file only names the holder to others. So the file is written in
    place: a renamed file would be another file, with another lock.
    """

    def __init__(self, home: Home, purpose: str) -> None:
        self._home = home
        self._holder = Holder(Owner.me(), purpose, SystemClock().now().isoformat(timespec="seconds"))
        self._handle = -1

    def __enter__(self) -> Self:
        self._handle = _open(self._home)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            if error.errno == errno.EWOULDBLOCK:
                raise _locked(self._home) from None
            raise _unusable(self._home.root, error) from error
        self.publish()
        return self

    def publish(self, **fields: Any) -> None:
        """Write the process id, its purpose and the URL of its API into the lock file."""
        self._holder = Holder(**{**vars(self._holder), **fields})
        with contextlib.suppress(OSError):  # the lock holds on a full disk too
            self._write(json.dumps(asdict(self._holder)))

    def _write(self, text: str) -> None:
        """Replace what the file says; it keeps its length, so that there is room for it on a full disk too."""
        os.pwrite(self._handle, text.ljust(LENGTH).encode(), 0)

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._write("")
        fcntl.flock(self._handle, fcntl.LOCK_UN)  # at once, also if a program just being started holds a copy
        os.close(self._handle)


def _open(home: Home) -> int:
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        return os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except (FileExistsError, NotADirectoryError) as error:
        raise NightdeskError(
            "home.not_a_folder",
            f"The home {home.root} is not a folder.",
            "Name a folder with --home or NIGHTDESK_HOME.",
        ) from error
    except OSError as error:
        raise _unusable(home.root, error) from error


def _locked(home: Home) -> LockedError:
    by = _read_holder(home)
    holder = f"process {by.owner.pid} ({by.purpose}, since {by.since})" if by else "another process"
    return LockedError(
        "home.locked",
        f"The home {home.root} is held by {holder}.",
        "Use the running desk, stop it first, or name another home with --home.",
        pid=by.owner.pid if by else None,
    )


def _unusable(root: Path, error: OSError) -> NightdeskError:
    if error.errno in _READ_ONLY:
        return NightdeskError(
            "home.read_only",
            f"The home {root} cannot be written: {error.strerror}.",
            "Give this user the right to write there, or name another home with --home.",
        )
    return NightdeskError(
        "home.unusable",
        f"The home {root} cannot be used: {error.strerror}.",
        "Name a folder on a local disk with --home or NIGHTDESK_HOME.",
    )
