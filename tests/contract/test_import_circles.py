"""No module needs another that needs it: not at import, not lazily, not for type checkers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def modules(package: str) -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    files = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in (ROOT / package).rglob("*.py")}
    return {name.removesuffix(".__init__"): path for name, path in files.items()}


def imported(path: Path) -> Iterator[str]:
    """Everything that the file imports anywhere in it: modules, and names that may be modules."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
                yield node.module


@pytest.mark.parametrize("package", ["config", "daemon", "data_pipeline", "evaluation", "trainers"])
def test_no_module_imports_one_that_imports_it(package: str) -> None:
    paths = modules(package)
    # That a module's package is imported with it is Python's doing: only what a package itself offers counts.
    graph = {
        name: {other for other in imported(path) if other in paths and other != name and not _is_package(paths[other])}
        for name, path in paths.items()
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"an import circle: {' -> '.join(error.args[1])}")
    assert set(order) == set(paths)


def _is_package(path: Path) -> bool:
    return path.name == "__init__.py"
