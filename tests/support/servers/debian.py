"""Debian systems to deploy into: a small base, and this checkout installed into a virtual environment of it.

Both are made once and stay in the user's cache, named by what they are made of. Packages come from where pip of this
machine takes them: its settings are handed on, and local folders that they name are bound into the system.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.support.faults import confinement

CHECKOUT = Path(__file__).parents[3]
PROGRAM = "/opt/nightdesk"  # where the unit expects the virtual environment
SUITE = "bookworm"
_PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3", "python3-venv")
_SOURCES = ("pyproject.toml", "constraints.txt", "README.md", "LICENSE")
_ROOMS = ("config", "data_pipeline", "evaluation", "trainers", "daemon")
_INSTALL = f"""
test -x {PROGRAM}/bin/pip || python3 -m venv {PROGRAM}
{PROGRAM}/bin/pip install --quiet --no-cache-dir --constraint /src/constraints.txt /src
"""
# What Debian calls the packages of these programs.
_TOOLS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "buildah": "buildah"}

Bind = tuple[Path, str]  # a place of this machine, and where the system sees it


def why_not(*tools: str) -> str | None:
    """Why this machine cannot deploy with these programs; None if it can."""
    missing = [_TOOLS[tool] for tool in tools if not shutil.which(tool)]
    return f"needs the Debian packages {' '.join(missing)}" if missing else confinement.why_not()


def nspawn(root: Path, *options: str, binds: Iterable[Bind] = ()) -> list[str]:
    """The beginning of a command that runs in the system at `root`."""
    bound = [f"--bind-ro={source}:{target}" for source, target in binds]
    return ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--directory={root}", *options, *bound]


def base() -> Path:
    """A minimal Debian with systemd and Python; not to be changed."""
    return _made_once(f"{SUITE}-{_digest(*_PACKAGES)}", _bootstrap)


def _bootstrap(root: Path) -> None:
    run("debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", SUITE, str(root))


def install(scratch: Path) -> Path:
    """The virtual environment with this checkout, for binding to `PROGRAM`; its libraries are installed only once."""
    pins = [(CHECKOUT / name).read_text() for name in ("pyproject.toml", "constraints.txt")]
    program = _made_once(f"program-{_digest(base().name, *pins)}", Path.mkdir)
    sources = copy_sources(scratch / "src")
    options = ["--pipe", f"--bind={program}:{PROGRAM}", f"--bind={sources}:/src"]
    run(*nspawn(base(), *options, binds=pip_settings(scratch)), "/bin/sh", "-ec", _INSTALL)
    return program


def copy_sources(target: Path) -> Path:
    """A copy of what the distribution is built from, because a build writes into its folder."""
    target.mkdir()
    for name in _SOURCES:
        shutil.copy(CHECKOUT / name, target)
    for room in _ROOMS:
        shutil.copytree(CHECKOUT / room, target / room, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def pip_settings(scratch: Path) -> list[Bind]:
    """This machine's settings of pip as one file, and the local files and folders that they name."""
    listed = run(sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check").splitlines()
    settings = {}
    for line in sorted(listed, key=lambda line: line.startswith(":env:")):  # variables count more than files
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = ast.literal_eval(value)
    words = [word.removeprefix("file://") for value in settings.values() for word in value.split()]
    places = {_with_its_files(Path(word)) for word in words if word.startswith("/") and Path(word).exists()}
    config = scratch / "pip.conf"
    lines = [f"{name} = {value.replace(chr(10), chr(10) + '  ')}" for name, value in settings.items()]
    config.write_text("\n".join(["[global]", *lines, ""]))
    return [(config, "/etc/pip.conf"), *((place, str(place)) for place in sorted(places))]


def _with_its_files(place: Path) -> Path:
    """An index is a folder of links to files beside it."""
    return place.parent if place.name == "simple" else place


def run(*command: str) -> str:
    """What a command printed; its complaints are in the error if it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def _made_once(name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name` in the user's cache; one that was not made to its end is made anew."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nightdesk-tests" / name
    if not folder.exists():
        draft = folder.with_name(f"{name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.parent.mkdir(parents=True, exist_ok=True)
        make(draft)
        draft.rename(folder)
    return folder


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
