"""Everything that becomes visible to another process passes a named point at which desks are killed in tests."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desks.databases import KINDS, empty_place
from tests.support.faults import failpoints

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("config", "data_pipeline", "evaluation", "trainers", "daemon")
# Calls that make a file, and the modules that make some without publishing them, each for its reason.
WRITES = {"NamedTemporaryFile", "copyfile", "copytree", "mkstemp", "savefig", "touch", "write_bytes", "write_table"}
WRITES |= {"copy2", "save_file", "to_csv", "to_json", "to_parquet", "write_text"}
UNPUBLISHED = {
    "config/publish.py": "it is what publishes",
    "daemon/executors/worker/main.py": "writes to the kernel's files of its own process",
    "trainers/analysts/model.py": "writes into the folder that trainers.artifact publishes",
    "trainers/cloning/behavioral/model_type.py": "writes into the folder that trainers.artifact publishes",
    "trainers/decision_transformer/desk/model.py": "writes into the folder that trainers.artifact publishes",
    "trainers/forecast/model.py": "writes into the folder that trainers.artifact publishes",
    "trainers/policy_cloner/model.py": "writes into the folder that trainers.artifact publishes",
    "trainers/portfolio/model.py": "writes into the folder that trainers.artifact publishes",
}
# Ways to publish that have no points.
WITHOUT_POINTS = {"renames", "symlink", "symlink_to", "copy_file_range", "sendfile"}
# The one place of transactions.
STORE = "daemon/store/"

FILES = """
import shutil, sys
from pathlib import Path
from tests.support.faults import failpoints
failpoints.install(worker=True)
from config.publish import publish_bytes, publish_if_absent, publishing_folder
folder = Path(sys.argv[1])
publish_bytes(folder / "data" / "bars", b"1")
publish_if_absent(folder / "training_config.json", b"2")
with publishing_folder(folder / "models" / "AAPL" / "cloner" / "1") as temp:
    (temp / "weights").write_bytes(b"3")
(folder / "data" / "bars").rename(folder / "results")
shutil.move(folder / "results", folder / "models")
(folder / "copy").hardlink_to(folder / "training_config.json")
"""
RUN = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tests.support.faults import failpoints
failpoints.install()
from config.settings import Settings
from daemon.alerts.rules import event
from daemon.domain.runs import Owner
from daemon.store import alerts, outbox, runs, tasks
from daemon.store.database import Database
now, place = datetime.now(UTC), sys.argv[1]
database = Database.open(place if "://" in place else Path(place))
run = database.write(lambda c: runs.request(c, "training", now=now, trigger="manual"))
database.write(lambda c: runs.claim(c, run.id, Owner.me(), now, "waiting"))
database.write(lambda c: runs.move(c, run.id, "running", now))
task = database.write(lambda c: tasks.add(c, run.id, "train"))
database.write(lambda c: tasks.finish(c, task.id, "failed", now))
database.write(lambda c: runs.finish(c, run.id, "failed", now, attempts=1))
fault = event("run.failed", "training", "It failed.", "Look.")
database.write(lambda c: alerts.observe(c, fault, Settings(), now))
[row] = database.read(lambda c: outbox.pending(c, now, ["log"]))
database.write(lambda c: outbox.delivered(c, row, now))
database.close()
"""


def _passed(program: str, argument: object, folder: Path, **variables: str) -> list[str]:
    """The points that a program passes, in order."""
    trace = folder / "trace"
    environment = {failpoints.ROOT: str(folder / "root"), failpoints.TRACE: str(trace), **variables}
    subprocess.run(
        [sys.executable, "-c", program, str(argument)], check=True, env={**os.environ, **environment}, cwd=REPOSITORY
    )
    return trace.read_text().split()


def _both_sides(*names: str) -> list[str]:
    return [f"{name}.{side}" for name in names for side in failpoints.SIDES]


def test_every_way_of_publishing_passes_a_point_before_and_after(tmp_path):
    assert _passed(FILES, tmp_path / "root", tmp_path) == _both_sides(
        *("bars.fsync", "bars.rename", "bars.fsync"),
        *("home.fsync", "home.link", "home.fsync"),
        *("model.fsync", "model.fsync", "model.rename", "model.fsync"),
        *("report.rename", "model.rename", "home.link"),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_commit_passes_a_point_before_and_after_and_is_named_by_what_it_holds(kind, tmp_path):
    place = empty_place(kind, tmp_path)
    names = [name for name in _passed(RUN, place, tmp_path) if not name.startswith("other.")]  # the schema
    assert names == _both_sides(
        *("occurrence.commit", "claim.commit", "run_start.commit", "task_start.commit", "task_end.commit"),
        *("run_end.commit", "notification.commit", "delivery.commit"),
    )


def test_a_process_dies_at_the_passing_that_was_asked_for_and_only_once(tmp_path):
    (tmp_path / "root").mkdir()
    deaths = tmp_path / "deaths"
    variables = {failpoints.DEATH: "model.rename.before 2 self", failpoints.DEATHS: str(deaths)}
    with pytest.raises(subprocess.CalledProcessError) as killed:
        _passed(FILES, tmp_path / "root", tmp_path, **variables)
    assert killed.value.returncode == -signal.SIGKILL
    assert deaths.read_text() == "model.rename.before\n"
    assert (tmp_path / "root" / "results").exists(), "it died before the second rename into models"
    (tmp_path / "root" / "training_config.json").unlink()
    _passed(FILES, tmp_path / "again", tmp_path, **{**variables, failpoints.ROOT: str(tmp_path / "again")})


def _calls(path: Path) -> Iterator[str]:
    """The names of the functions that a module calls; an `open` for writing is called `open for writing`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            modes = [text for text in texts if isinstance(text, str) and text and set(text) <= set("rwxabt+")]
            writes = any(set("wxa") & set(mode) for mode in modes)
            yield "open for writing" if name == "open" and writes else name


def _modules() -> dict[str, Path]:
    files = [file for package in PACKAGES for file in sorted((REPOSITORY / package).rglob("*.py"))]
    return {file.relative_to(REPOSITORY).as_posix(): file for file in files}


def test_every_module_that_writes_files_publishes_them_or_is_named_with_its_reason():
    writers = {
        name
        for name, file in _modules().items()
        if (WRITES | {"open for writing"}) & set(_calls(file)) and "config.publish" not in file.read_text("utf-8")
    }
    assert writers == UNPUBLISHED.keys()


def test_nothing_is_published_in_a_way_that_has_no_points():
    ways = {name: WITHOUT_POINTS & set(_calls(file)) for name, file in _modules().items()}
    assert {name: calls for name, calls in ways.items() if calls} == {}


def test_transactions_are_begun_and_committed_by_sqlalchemy_in_the_store_alone():
    outside = {
        name: {"begin", "commit"} & set(_calls(file)) for name, file in _modules().items() if not name.startswith(STORE)
    }
    assert {name: calls - {"begin"} for name, calls in outside.items() if calls - {"begin"}} == {}
    sqlite = {name for name, file in _modules().items() if "sqlite3.connect" in file.read_text("utf-8")}
    assert {name for name in sqlite if not name.startswith(STORE)} == set()
