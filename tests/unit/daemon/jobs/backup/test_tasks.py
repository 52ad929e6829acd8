from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from config import NightdeskError, Settings
from daemon import backups
from daemon.jobs.backup.messages import ProveBackupRequest, ProveBackupResult
from daemon.jobs.backup.tasks import prove_backup, prove_in
from daemon.store import servings, versions
from daemon.store.database import Database
from daemon.store.tables import model_versions
from tests.support.markets.easy import easy_task
from trainers import ArtifactFacts, TrainingContext, manifest_sha256, registry, save_artifact

NOW = datetime(2026, 1, 5, 3, 4, 5, tzinfo=UTC)
NAME = "behavioral_cloner"


@pytest.fixture(scope="module")
def model():
    return registry.get(NAME).train(easy_task(NAME), TrainingContext(seed=3))


@pytest.fixture
def database(home):
    with closing(Database.open(home.database)) as opened:
        yield opened


@pytest.fixture
def backup(home, database, model):
    """A backup of a desk with one champion that can really predict."""
    task = easy_task(NAME)
    folder = home.model(task.subject, NAME, "v1")
    facts = ArtifactFacts(
        model_type=NAME,
        version="v1",
        params=task.params,
        inputs=task.inputs,
        dataset=task.bars.fingerprint(),
        provenance=task.provenance,
        train_start=task.train_start,
        train_end=task.train_end,
        trained_at=NOW,
        settings_fingerprint="f" * 64,
        seed=3,
    )
    save_artifact(folder, model, facts)

    def serve(c):
        version_row = versions.add_version(
            c,
            versions.NewVersion(
                subject=task.subject,
                model_type=NAME,
                version="v1",
                manifest_sha256=manifest_sha256(folder),
                provenance="sample",
                dataset="d" * 64,
                train_start=task.train_start,
                train_end=task.train_end,
                trained_at=NOW,
                run_id=None,
                metrics={},
            ),
        )
        assert servings.serve(c, task.subject, NAME, version_row.id, NOW, why="better", author="test")

    database.write(serve)
    return backups.take(home, database, NOW, Settings())


def test_a_backup_is_proved_by_the_predictions_of_its_champions(home, backup, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    proved = prove_in(scratch, backup.folder)
    assert proved == ProveBackupResult(
        backup=backup.name,
        files=backup.files,
        bytes=backup.bytes,
        champions=("models/EASY/behavioral_cloner/v1",),
    )


def test_the_drill_leaves_nothing_behind(home, backup):
    before = sorted(home.root.rglob("*"))
    context = SimpleNamespace(home=home)
    assert prove_backup(context, ProveBackupRequest(backup=backup.name)).backup == backup.name
    assert sorted(home.root.rglob("*")) == before


@pytest.mark.parametrize("name", ["backup_20200101_000000", "../secrets", "EASY"])
def test_a_backup_that_does_not_exist_is_a_clear_error(home, backup, name):
    with pytest.raises(NightdeskError) as caught:
        prove_backup(SimpleNamespace(home=home), ProveBackupRequest(backup=name))
    assert caught.value.code == "backup.unknown"


def test_a_damaged_backup_is_not_proved(backup, tmp_path):
    weights = next(backup.folder.rglob("golden.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(NightdeskError) as caught:
        prove_in(tmp_path / "scratch", backup.folder)
    assert caught.value.code == "backup.damaged"


def test_a_backup_whose_database_names_other_champions_is_not_proved(home, database, backup, tmp_path):
    database.write(lambda c: c.execute(update(model_versions).values(state="retired")))
    other = backups.take(home, database, datetime(2026, 1, 6, tzinfo=UTC), Settings())
    database_file = "nightdesk.sqlite3"
    (backup.folder / database_file).write_bytes((other.folder / database_file).read_bytes())
    swapped = backup.manifest.model_copy(
        update={"files": backup.manifest.files | {database_file: other.manifest.files[database_file]}}
    )
    (backup.folder / "manifest.json").write_text(swapped.model_dump_json())
    with pytest.raises(NightdeskError) as caught:
        prove_in(tmp_path / "scratch", backup.folder)
    assert caught.value.code == "backup.inconsistent"
