"""Where libraries keep their caches and settings: inside the desk's home, whoever started the process.

yfinance, matplotlib, fontconfig and numba look for folders below the user's home folder, by HOME and the XDG variables.
A service with `DynamicUser` and a container's user have none, and without one yfinance cannot be imported, nor can a
kernel whose compiled form has no place to be cached.

- Workers always get the desk's own folders, so that a night does not depend on who started the desk. A variable that
  names the folder of one library alone (NUMBA_CACHE_DIR, MPLCONFIGDIR) is the owner's intent and is left as it is; HOME
  and XDG variables are set by login sessions for all programs.
- The process of a command keeps the user's home folder where there is one, because owners keep things there on purpose
  (`~/.pgpass`), and gets the desk's folders where there is none.
"""

from __future__ import annotations

import os
import site
import tempfile
from contextlib import suppress
from pathlib import Path

from config.paths import Home

_XDG = {
    "XDG_CACHE_HOME": ".cache",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
}


def worker_variables(home: Home) -> dict[str, str]:
    """The variables of a worker by which libraries find their folders; the folders are made."""
    variables = _variables(home) | _temporary_folder(home)
    for name in variables:
        with suppress(OSError):  # a full disk is reported by the task that meets it
            Path(variables[name]).mkdir(parents=True, exist_ok=True)
    return variables | _user_packages()


def replace_missing_home_folder(home: Home) -> None:
    """Let the libraries of this process use the desk's folders if its user has no home folder that can be written.

    No folder is made: a command that only reads leaves the home as it is, and libraries make the folders they need.
    """
    user_home = Path(os.path.expanduser("~"))  # noqa: PTH111 -- Path.home() raises where there is none
    if not (user_home.is_absolute() and os.access(user_home, os.W_OK | os.X_OK)):
        os.environ.update(_variables(home))


def _variables(home: Home) -> dict[str, str]:
    folders = {"HOME": home.library_home} | {name: home.library_home / below for name, below in _XDG.items()}
    return {name: str(folder) for name, folder in folders.items()}


def _temporary_folder(home: Home) -> dict[str, str]:
    """A folder for temporary files where the system has none that can be written but the working directory."""
    with suppress(FileNotFoundError):
        if Path(tempfile.gettempdir()) != Path.cwd():
            return {}
    return {"TMPDIR": str(home.cache("tmp"))}


def _user_packages() -> dict[str, str]:
    """Packages of `pip install --user` lie below the user's home folder, and must be found by another HOME too."""
    return {"PYTHONUSERBASE": site.getuserbase()} if site.ENABLE_USER_SITE else {}
