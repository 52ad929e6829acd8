"""Markup: HTML as nested calls, in which text is text, and pages that need nothing beyond themselves."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

_PAGE = Path(__file__).with_name("page.html")
_VOID = frozenset({"img", "br"})


class Html(str):
    """Markup already; any other text is escaped where it becomes a part of a page."""

    __slots__ = ()


def el(tag: str, *children: str | None, **attributes: str | None) -> Html:
    """An element; `class_` is its class, and what is None is left out."""
    given = "".join(f' {name.rstrip("_")}="{escape(value)}"' for name, value in attributes.items() if value is not None)
    return Html(f"<{tag}{given}>" if tag in _VOID else f"<{tag}{given}>{together(*children)}</{tag}>")


def together(*children: str | None) -> Html:
    """One after the other."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children if child is not None))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str | None = None) -> Html:
    """Rows under their columns; the first of each is its head, the others stand to the right as figures do."""
    head = el("thead", el("tr", *(el("th", column, scope="col") for column in columns)))
    body = el(
        "tbody", *(el("tr", el("th", row[0], scope="row"), *(el("td", cell) for cell in row[1:])) for row in rows)
    )
    return el("div", el("table", el("caption", caption) if caption else None, head, body), class_="scroll")


def picture(path: Path, alt: str, kind: str = "half") -> Html:
    """A PNG as a part of the page; `alt` is for those who cannot see it."""
    data = f"data:image/png;base64,{b64encode(path.read_bytes()).decode()}"
    return el("figure", el("img", src=data, alt=alt), class_=kind)


def side_by_side(left: str | None, right: str | None) -> Html:
    """Two parts next to each other where there is room for both."""
    return el("div", el("div", left), el("div", right), class_="pictures beside")


def section(title: str, *parts: str | None) -> Html:
    """A part of a page under its title."""
    return el("section", el("h2", title), *parts)


def page(title: str, *parts: str | None) -> bytes:
    """A whole document. Its policy lets it load nothing and run nothing, wherever it is opened."""
    template = Template(_PAGE.read_text("utf-8"))
    return template.substitute(title=escape(title), body=together(*parts)).encode()
