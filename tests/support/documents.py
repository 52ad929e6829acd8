"""The documents of the repository, and what is read from them: commands, links, configs."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
GUIDES = [README, *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS = [*GUIDES, CONTRIBUTING, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs" / "decisions").glob("*.md"))]
RUNNABLE = "runnable"
WITH_A_DESK = "runnable while a desk runs"


def commands(document: Path, mark: str = RUNNABLE) -> list[str]:
    """The commands of the blocks below a mark, in their order, without comments."""
    blocks = re.findall(rf"<!-- {mark} -->\n```sh\n(.*?)```", document.read_text(), re.DOTALL)
    return [command for block in blocks for command in _lines(block)]


def unmarked_commands(document: Path) -> list[str]:
    """Commands of nightdesk that stand in a block without a mark."""
    blocks = re.findall(r"(?<! -->\n)^```sh\n(.*?)```", document.read_text(), re.DOTALL | re.MULTILINE)
    return [command for block in blocks for command in _lines(block) if command.startswith("nightdesk ")]


def json_blocks(document: Path) -> list[str]:
    """The JSON that a document shows."""
    return re.findall(r"^```json\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE)


def python_blocks(document: Path) -> list[str]:
    """The Python that a document shows."""
    return re.findall(r"^```python\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE)


def links(document: Path) -> list[tuple[str, str]]:
    """The links to files of the repository: the path, and the heading after `#`."""
    targets = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", document.read_text())
    return [(path, anchor) for path, anchor in targets if path or anchor]


def anchors(document: Path) -> set[str]:
    """The names under which a document's headings can be linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def _lines(block: str) -> list[str]:
    joined = block.replace("\\\n", "")
    return [line.partition("  #")[0].strip() for line in joined.splitlines() if line.strip() and line[0] != "#"]
