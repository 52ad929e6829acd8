"""What every store of model versions promises: the home's folder, and one in a bucket with a cache."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from config.errors import NightdeskError
from config.paths import Home
from daemon.artifacts.base import ArtifactName, ArtifactStore
from daemon.artifacts.open import open_artifacts
from tests.support.faults.kills import kill_midway
from tests.support.models.model_folders import write_model
from tests.support.servers.bucket_artifacts import BucketArtifacts
from tests.support.servers.s3 import S3Server
from trainers.manifest import MANIFEST, manifest_sha256, read_manifest, verify_files

NAME = ArtifactName("AAPL", "cloner", "v1")
OTHER = ArtifactName("^GSPC", "cloner", "20260105_030000-1")

Make = Callable[[], ArtifactStore]


@pytest.fixture(params=["home", "bucket"])
def make(request: pytest.FixtureRequest, home: Home) -> Make:
    """Another store at each call, as another worker has it: in the same home, or with a cache of its own."""
    if request.param == "home":
        return lambda: open_artifacts(home)
    server: S3Server = request.getfixturevalue("s3")
    server.clear()
    caches = (home.root / f"cache{nth}" for nth in count())
    return lambda: BucketArtifacts(server.bucket(), next(caches))


@pytest.fixture
def finished(tmp_path: Path) -> Callable[..., Path]:
    """Artefacts that were just made, each in a folder of its own that a store may take."""

    def folder(name: ArtifactName = NAME, size: int = 2000) -> Path:
        scratch = Home(tmp_path / f"scratch-{size}-{len(list(tmp_path.iterdir()))}")
        write_model(scratch, name.subject, name.version, size)
        return scratch.model(name.subject, "cloner", name.version)

    return folder


def refusal(act: Callable[[], object]) -> NightdeskError:
    with pytest.raises(NightdeskError) as caught:
        act()
    assert caught.value.cure
    return caught.value


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_published_is_fetched_whole_by_any_worker(make, finished):
    folder = finished()
    before, sha256 = content(folder), manifest_sha256(folder)
    assert make().publish(folder, NAME) == sha256
    for expected in (sha256, None):
        fetched = make().fetch(NAME, expected)
        verify_files(fetched, read_manifest(fetched), sha256)
        assert content(fetched) == before


def test_what_was_fetched_can_be_fetched_again(make, finished):
    make().publish(finished(), NAME)
    store = make()
    assert content(store.fetch(NAME)) == content(store.fetch(NAME))


def test_to_publish_the_same_content_again_changes_nothing(make, finished):
    folder = finished()
    twin = shutil.copytree(folder, folder.with_name("twin"))
    first = make().publish(folder, NAME)
    assert make().publish(twin, NAME) == first
    assert list(make().list()) == [NAME]


def test_a_version_is_never_replaced_by_another_content(make, finished):
    sha256 = make().publish(finished(), NAME)
    error = refusal(lambda: make().publish(finished(size=999), NAME))
    assert error.code == "model.exists"
    assert str(NAME) in error.message
    assert manifest_sha256(make().fetch(NAME, sha256)) == sha256


def test_of_two_that_publish_one_name_at_once_one_wins_whole(make, finished):
    folders = [finished(size=size) for size in (700, 800, 900)]
    stores = [make() for _ in folders]

    def publish(nth: int) -> str:
        try:
            return stores[nth].publish(folders[nth], NAME)
        except NightdeskError as error:
            return error.code

    with ThreadPoolExecutor(3) as threads:
        ends = list(threads.map(publish, range(3)))
    assert ends.count("model.exists") == 2
    (winner,) = set(ends) - {"model.exists"}
    fetched = make().fetch(NAME, winner)
    verify_files(fetched, read_manifest(fetched), winner)


@pytest.mark.parametrize("damage", ["a file changed", "a file gone", "a file too many", "no manifest"])
def test_a_folder_that_is_not_what_its_manifest_says_is_not_published(make, finished, damage):
    folder = finished()
    weights = folder / "weights.safetensors"
    match damage:
        case "a file changed":
            weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
        case "a file gone":
            weights.unlink()
        case "a file too many":
            (folder / "more.json").write_text("{}")
        case "no manifest":
            (folder / MANIFEST).unlink()
    error = refusal(lambda: make().publish(folder, NAME))
    assert error.code in ("model.corrupt", "model.missing")
    assert not make().exists(NAME)
    assert list(make().list()) == []


def test_a_version_that_is_not_stored_is_missing_by_name(make, finished):
    make().publish(finished(), NAME)
    error = refusal(lambda: make().fetch(OTHER))
    assert error.code == "model.missing"
    assert str(OTHER) in error.message


def test_a_version_with_another_manifest_than_expected_is_refused(make, finished):
    make().publish(finished(), NAME)
    assert refusal(lambda: make().fetch(NAME, "0" * 64)).code == "model.corrupt"


def test_the_list_is_of_what_is_stored_in_order(make, finished):
    assert list(make().list()) == []
    for name in (OTHER, NAME, ArtifactName("AAPL", "cloner", "v0")):
        make().publish(finished(name), name)
    assert list(make().list()) == [ArtifactName("AAPL", "cloner", "v0"), NAME, OTHER]
    assert make().exists(OTHER)
    assert not make().exists(ArtifactName("AAPL", "cloner", "v2"))


def test_deleting_removes_one_version_and_can_be_repeated(make, finished):
    for name in (NAME, OTHER):
        make().publish(finished(name), name)
    assert [make().delete(NAME) for _ in range(2)] == [True, False]
    assert not make().exists(NAME)
    assert list(make().list()) == [OTHER]
    assert refusal(lambda: make().fetch(NAME)).code == "model.missing"


def test_a_deleted_name_can_be_published_again(make, finished):
    make().publish(finished(), NAME)
    make().delete(NAME)
    sha256 = make().publish(finished(size=999), NAME)
    assert manifest_sha256(make().fetch(NAME, sha256)) == sha256


def test_what_is_set_aside_is_served_no_more_and_its_name_is_free(make, finished):
    for size in (500, 600):  # twice the same name
        make().publish(finished(size=size), NAME)
        make().set_aside(NAME)
        assert not make().exists(NAME)
        assert list(make().list()) == []
    assert refusal(lambda: make().set_aside(NAME)).code == "model.missing"


@pytest.mark.parametrize("unsafe", ["..", "a/b", ".hidden", ""])
def test_a_name_that_could_lead_elsewhere_is_refused(make, finished, unsafe):
    for name in (ArtifactName(unsafe, "m", "v"), ArtifactName("A", unsafe, "v"), ArtifactName("A", "m", unsafe)):
        assert refusal(lambda: make().fetch(name)).code in ("name.unsafe", "r2.unsafe_key")  # noqa: B023
        assert refusal(lambda: make().publish(finished(), name)).code in ("name.unsafe", "r2.unsafe_key")  # noqa: B023
        assert refusal(lambda: make().delete(name)).code in ("name.unsafe", "r2.unsafe_key")  # noqa: B023


PUBLISHER = """
import shutil, sys
from pathlib import Path
from config.paths import Home
from daemon.artifacts.base import ArtifactName
from daemon.artifacts.open import open_artifacts
made, home = Path(sys.argv[1]), Home(Path(sys.argv[2]))
store = open_artifacts(home)
print("ready", flush=True)
for nth in range(100_000):
    copy = shutil.copytree(made, made.with_name(f"copy{nth}"))
    store.publish(copy, ArtifactName("AAPL", "cloner", f"v{nth}"))
    if nth % 2:
        store.delete(ArtifactName("AAPL", "cloner", f"v{nth - 1}"))
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_publisher_killed_at_any_moment_leaves_whole_versions_only(home, finished, seed):
    assert kill_midway(PUBLISHER, finished(size=3_000_000), home.root, within=0.5, seed=seed)
    store = open_artifacts(home)
    for name in store.list():
        folder = store.fetch(name)
        verify_files(folder, read_manifest(folder))


def test_a_worker_of_the_same_machine_works_in_the_home_itself(home, finished):
    open_artifacts(home).publish(finished(), NAME)
    assert open_artifacts(home).fetch(NAME) == home.model("AAPL", "cloner", "v1")


def test_what_is_set_aside_lies_in_quarantine(home, finished):
    folder = finished()
    before = content(folder)
    open_artifacts(home).publish(folder, NAME)
    open_artifacts(home).set_aside(NAME)
    assert content(home.models_quarantine / "AAPL-cloner-v1") == before
