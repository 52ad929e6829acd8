"""Lazy packages: a package offers names of its modules, and imports a module only when a name of it is used."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeGuard


def lazy_exports(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package whose `__init__.py` imports its names for type checkers alone.

        if TYPE_CHECKING:
            from trainers.rl.agents.agent import RLAgent as RLAgent
        else:
            __getattr__, __dir__ = lazy_exports(__name__, __file__)

    Each name stands in one line, which type checkers and this function read; `__all__` follows from these lines.
    """
    modules = _exports(Path(file))

    def get(name: str) -> Any:
        if name == "__all__":
            return sorted(modules)
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(modules[name]), name)

    return get, lambda: sorted(modules)


def _exports(file: Path) -> dict[str, str]:
    """The names that are imported under `if TYPE_CHECKING:`, and the module of each."""
    blocks = [node.body for node in ast.parse(file.read_bytes()).body if _is_for_type_checkers(node)]
    imports = [node for block in blocks for node in block if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module for node in imports if node.module for alias in node.names}


def _is_for_type_checkers(node: ast.stmt) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
