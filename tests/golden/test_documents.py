"""The documents agree with the code: generated pages, links, names of files, examples of the config."""

from __future__ import annotations

import json
import re

import pytest

from config.settings import Settings
from daemon.context import check_settings
from tests.golden.regenerate_docs import DOCS, PAGES
from tests.support.config_reference import sections
from tests.support.documents import CONTRIBUTING, DOCUMENTS, GUIDES, README, ROOT, anchors, json_blocks, links
from trainers.rl.desk.params import params_class

FOLDERS = r"(?:config|data_pipeline|evaluation|trainers|daemon|tests|deploy|examples|docs)"
WRITTEN_BY_OWNERS = ("deploy/secrets", "tests/contract/test_<seam>.py")


def _relative(document):
    return str(document.relative_to(ROOT)) if document in DOCUMENTS else None


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_code_says(name):
    current = (DOCS / name).read_text()
    assert current == PAGES[name](), "run `python -m tests.golden.regenerate_docs`"


def test_every_key_of_the_config_is_described():
    assert [key.name for _, _, keys in sections() for key in keys if not key.meaning] == []


@pytest.mark.parametrize(("document", "limit"), [(README, 140), (CONTRIBUTING, 80)], ids=_relative)
def test_a_front_page_stays_short(document, limit):
    assert len(document.read_text().splitlines()) <= limit


@pytest.mark.parametrize("document", DOCUMENTS, ids=_relative)
def test_every_link_between_documents_leads_somewhere(document):
    for path, anchor in links(document):
        target = (document.parent / path) if path else document
        assert target.exists(), f"{document.name} links to {path}"
        assert not anchor or anchor in anchors(target), f"{document.name} links to {path}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=_relative)
def test_every_file_that_a_document_names_exists(document):
    for path in re.findall(rf"`({FOLDERS}/[\w./-]*\w)`", document.read_text()):
        assert path.startswith(WRITTEN_BY_OWNERS) or (ROOT / path).exists(), f"{document.name} names {path}"


def test_every_make_target_that_a_document_names_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name for page in DOCUMENTS for name in re.findall(r"^(?: {4})?make ([a-z]+)", page.read_text(), re.MULTILINE)
    }
    assert {"run", "test"} <= named <= targets


def test_the_configs_that_documents_show_can_be_used():
    examples = [json.loads(block) for page in GUIDES for block in json_blocks(page)]
    configs = [example for example in examples if example.keys() <= Settings.model_fields.keys()]
    assert len(configs) >= 5
    for config in configs:
        check_settings(Settings.model_validate(config))


def test_the_params_of_agents_in_the_documents_are_the_defaults():
    text = (DOCS / "models.md").read_text()
    documented = re.findall(
        r"^\| `(environments|evaluations|validation|purge|seeds)` \| ([\d.]+) \|", text, re.MULTILINE
    )
    params = params_class("ppo")()
    assert {name: float(value) for name, value in documented} == {name: getattr(params, name) for name, _ in documented}
    assert len(documented) == 5


def test_the_index_of_decisions_lists_every_page_once():
    folder = DOCS / "decisions"
    pages = {page.name for page in folder.glob("[0-9]*.md")}
    listed = [path for path, _ in links(folder / "README.md") if path[:1].isdigit()]
    assert sorted(listed) == sorted(pages)
    assert len(pages) >= 40
