"""The harshest place a desk may be started in: an empty environment, an unknown user, a root that cannot be written.

`surroundings` gives the words that go before a command so that it runs with

- no environment variable at all,
- a user id without an entry in the user database, hence without a home folder,
- a root of read-only folders: the system's, the interpreter's, and this checkout; no user's home is there, and no /tmp,
- one folder that can be written, at the path it has outside.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

UNKNOWN_USER = 64321
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt")
_KERNEL = ("/proc", "/sys", "/dev")
_CHECKOUT = Path(__file__).parents[3]
_UNSHARE = ("unshare", "--mount", "--propagation", "private")
_ENTER = r"""
set -eu
root=$1 writable=$2 working=$3 user=$4; shift 4
mount -t tmpfs -o mode=755 confined "$root"
while [ "$1" != -- ]; do
    if [ -L "$1" ]; then cp -P "$1" "$root$1"; else
        mkdir -p "$root$1"
        mount --rbind "$1" "$root$1"
        case $1 in /proc|/sys|/dev) ;; *) mount -o remount,bind,ro "$root$1";; esac
    fi
    shift
done
shift
mkdir -p "$root$writable"
mount --bind "$writable" "$root$writable"
mount -o remount,ro "$root"
exec chroot "$root" /usr/bin/env -i /usr/bin/env -C "$working" setpriv --reuid "$user" --regid "$user" --clear-groups \
    /usr/bin/env -i "$@"
"""


def why_not() -> str | None:
    """Why this machine cannot confine a process like this; None if it can."""
    if os.geteuid() != 0:
        return "needs root, for users and mounts of its own"
    if not all(map(shutil.which, ("unshare", "chroot", "setpriv", "mount"))):
        return "needs unshare, setpriv and mount (util-linux)"
    trial = [*_UNSHARE, "mount", "-t", "tmpfs", "trial", "/tmp"]
    if subprocess.run(trial, capture_output=True, check=False).returncode != 0:
        return "root may not mount here, as in a container without CAP_SYS_ADMIN"
    return None


def surroundings(root: Path, writable: Path, user: int = UNKNOWN_USER) -> list[str]:
    """The words before a command. `root` is an empty folder for its root, `writable` the one folder it may write."""
    for path in (writable, *writable.rglob("*")):
        os.chown(path, user, user)
    program = {str(_CHECKOUT), sys.prefix, sys.base_prefix, *filter(os.path.isabs, sys.path)}
    places = [place for place in (*_SYSTEM, *_KERNEL) if os.path.lexists(place)]
    places += sorted(
        place
        for place in program
        if Path(place).is_dir() and not any(Path(place).is_relative_to(there) for there in places)
    )
    return [*_UNSHARE, "sh", "-c", _ENTER, "enter", str(root), str(writable), str(_CHECKOUT), str(user), *places, "--"]
