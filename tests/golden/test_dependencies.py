"""Whatever the packages import is a declared dependency: what only the extra of tests brings, a new machine lacks."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Parts of declared ones, which they cannot do without.
BROUGHT_BY = {"botocore": "boto3", "curl-cffi": "yfinance", "pydantic-core": "pydantic", "starlette": "fastapi"}
PACKAGES = ("config", "data_pipeline", "evaluation", "trainers", "daemon")


def _imported() -> set[str]:
    """The top-level modules that the packages import, wherever in a file."""
    names: set[str] = set()
    for file in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names.add(node.module.partition(".")[0])
    return names - set(PACKAGES) - set(sys.stdlib_module_names)


def _declared() -> set[str]:
    """The distributions that come with the desk, or with an extra of its owner."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [one for name, lines in project["optional-dependencies"].items() if name != "dev" for one in lines]
    declared = {_normal(re.split(r"[<>=\[ ]", line)[0]) for line in (*project["dependencies"], *extras)}
    return declared | {part for part, whole in BROUGHT_BY.items() if whole in declared}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_import_of_the_packages_is_a_declared_dependency() -> None:
    distributions = packages_distributions()
    brought = {name: {_normal(one) for one in distributions.get(name, [name])} for name in _imported()}
    assert {name for name, options in brought.items() if not options & _declared()} == set()
