"""HTML as nested calls: plain text is escaped, and a page loads nothing from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

_PAGE = Path(__file__).with_name("page.html")
_VOID = frozenset({"img", "br"})


class Html(str):
    """Text that is HTML already; any other `str` is escaped when it becomes a part of a page."""

    __slots__ = ()


def el(tag: str, *children: str | None, **attributes: str | None) -> Html:
    """An element; `class_` is its class; children and attributes that are None are omitted."""
    text = "".join(f' {name.rstrip("_")}="{escape(value)}"' for name, value in attributes.items() if value is not None)
    return Html(f"<{tag}{text}>" if tag in _VOID else f"<{tag}{text}>{together(*children)}</{tag}>")


def together(*children: str | None) -> Html:
    """The children, concatenated."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children if child is not None))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str | None = None) -> Html:
    """A table; the first cell of each row is its head."""
    head = el("thead", el("tr", *(el("th", column, scope="col") for column in columns)))
    body = el(
        "tbody", *(el("tr", el("th", row[0], scope="row"), *(el("td", cell) for cell in row[1:])) for row in rows)
    )
    return el("div", el("table", el("caption", caption) if caption else None, head, body), class_="scroll")


def picture(path: Path, alt: str, kind: str = "half") -> Html:
    """A PNG embedded in the page; `alt` describes it for readers who cannot see it."""
    data = f"data:image/png;base64,{b64encode(path.read_bytes()).decode()}"
    return el("figure", el("img", src=data, alt=alt), class_=kind)


def side_by_side(first: str | None, second: str | None) -> Html:
    """Two parts next to each other where the page is wide enough, else one below the other."""
    return el("div", el("div", first), el("div", second), class_="pictures columns")


def section(title: str, *parts: str | None) -> Html:
    """A section of a page with its title."""
    return el("section", el("h2", title), *parts)


def page(title: str, *parts: str | None) -> bytes:
    """A whole document, whose content security policy lets it load and run nothing."""
    template = Template(_PAGE.read_text("utf-8"))
    return template.substitute(title=escape(title), body=together(*parts)).encode()
