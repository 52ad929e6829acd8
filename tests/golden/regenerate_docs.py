"""Write the generated pages of docs/ from the code: `python -m tests.golden.regenerate_docs`."""

from __future__ import annotations

from pathlib import Path

from tests.support import api_reference, command_reference, config_reference

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    "configuration.md": config_reference.reference,
    "commands.md": command_reference.reference,
    "api-reference.md": api_reference.reference,
}


def main() -> None:
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())


if __name__ == "__main__":
    main()
