from __future__ import annotations

import subprocess
import sys

import pytest

import evaluation


def test_naming_the_package_imports_nothing_heavy():
    heavy = "{'numpy', 'pandas', 'numba', 'matplotlib', 'pydantic'}"
    code = f"import evaluation, sys; print(sorted({heavy} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_models_can_make_signals_without_the_ledger():
    code = "import evaluation.signals, sys; print(sorted({'numba', 'matplotlib'} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_every_name_it_promises_is_there():
    assert [getattr(evaluation, name).__name__ for name in evaluation.__all__] == evaluation.__all__


def test_a_name_it_does_not_promise_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'oracle'"):
        _ = evaluation.oracle
