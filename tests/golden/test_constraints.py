"""Every dependency is locked to one exact version, and these tests run with those."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.golden.regenerate_constraints import CONSTRAINTS, EXTRAS, PINNED, ROOT

LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.!]+)")
CURE = "run `python -m tests.golden.regenerate_constraints`"


def locked() -> dict[str, str]:
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    matches = [LINE.fullmatch(line) for line in lines]
    assert all(matches), "a line is not name==version"
    versions = {canonicalize_name(match[1]): match[2] for match in matches if match}
    assert len(versions) == len(lines), "a name stands twice"
    return versions


def direct() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    requirements = [Requirement(line) for line in (*project["dependencies"], *extras)]
    return [requirement for requirement in requirements if requirement.name != "nightdesk"]


def installed(names: list[str]) -> set[str]:
    """The distributions of these names, and all that they need here, as far as they are installed."""
    reached: set[str] = set()
    waiting = [(canonicalize_name(name), frozenset[str]()) for name in names]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            needs = [Requirement(line) for line in metadata.requires(name) or ()]
        except metadata.PackageNotFoundError:
            continue
        reached.add(name)
        waiting += [
            (canonicalize_name(need.name), frozenset(need.extras))
            for need in needs
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in (*extras, ""))
        ]
    return reached


@pytest.mark.parametrize("requirement", direct(), ids=str)
def test_a_direct_dependency_is_locked_to_a_version_that_pyproject_allows(requirement: Requirement) -> None:
    version = locked().get(canonicalize_name(requirement.name))
    assert version is not None, CURE
    assert requirement.specifier.contains(version, prereleases=True), CURE


def test_what_is_installed_here_is_locked_at_its_version_transitive_or_not() -> None:
    versions = locked()
    here = {name: metadata.version(name).partition("+")[0] for name in installed([need.name for need in direct()])}
    assert len(here) > 90
    assert {name: version for name, version in here.items() if versions.get(name) != version} == {}, CURE


def test_the_lock_covers_every_extra_and_keeps_what_is_pinned_for_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    covered = set(EXTRAS.split(",")) | Requirement(project["optional-dependencies"]["dev"][0]).extras
    assert covered == set(project["optional-dependencies"])
    assert PINNED.strip() in CONSTRAINTS.read_text().splitlines()


def test_the_lock_names_no_place() -> None:
    assert not re.search(r"://|@|--", CONSTRAINTS.read_text())
