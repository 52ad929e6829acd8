"""Packages whose names are imported when they are first used."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

PACKAGES = ("data_pipeline", "evaluation", "trainers", "trainers.rl")
every_package = pytest.mark.parametrize("package", PACKAGES)


@every_package
def test_a_package_offers_every_name_it_lists(package: str) -> None:
    module = import_module(package)
    names = module.__all__
    assert names
    assert names == sorted(set(names)) == dir(module)
    for name in names:
        assert getattr(module, name).__name__ == name
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'no_such_name'"):
        _ = module.no_such_name


@every_package
def test_a_star_import_brings_every_name(package: str) -> None:
    names: dict[str, object] = {}
    exec(f"from {package} import *", names)
    assert set(import_module(package).__all__) <= set(names)


@every_package
def test_importing_a_package_loads_nothing_heavy(package: str) -> None:
    heavy = "numpy", "pandas", "sklearn", "numba", "torch", "matplotlib"
    check = f"import sys, {package}; sys.exit(str(f) if (f := [m for m in {heavy} if m in sys.modules]) else 0)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
