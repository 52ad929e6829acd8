"""HTML tables of the production checklist, and of a model with and without each of its members."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from evaluation.labels import MISSING, format_number, plain
from evaluation.reports.markup import Html, el, table, together

if TYPE_CHECKING:
    from evaluation.reports.evidence import AccountFigures, Check, MemberComparison

OUTCOMES = {True: "pass", False: "fail", None: "not measured"}
# The colours of the page for a standing, by the outcome of a check.
_STYLES = {True: "pill proven", False: "pill refuted", None: "pill unproven"}


def checklist_table(checks: Sequence[Check]) -> Iterator[Html]:
    """A summary of the checklist, and each of its items."""
    counts = {label: sum(check.passed is passed for check in checks) for passed, label in OUTCOMES.items()}
    yield el("p", ", ".join(f"{number} {label}" for label, number in counts.items()) + ".")
    rows = [
        [
            together(plain(check.name), el("br"), el("small", check.note)) if check.note else plain(check.name),
            el("span", OUTCOMES[check.passed], class_=_STYLES[check.passed]),
            _measured(check),
            check.required,
        ]
        for check in checks
    ]
    yield table(["Item", "Result", "Measured", "Required"], rows)


def _measured(check: Check) -> str:
    if check.measured is None:
        return MISSING
    return format_number(check.measured, ".3g") + (f"\N{NO-BREAK SPACE}{check.unit}" if check.unit else "")


def comparisons_table(comparisons: Sequence[MemberComparison]) -> Html:
    """The figures with all members, and without each of them."""
    rows = [
        [
            f"without {plain(one.member)}",
            f"{one.first[:10]} to {one.last[:10]}",
            *_pair(one.whole, one.without),
            format_number(one.p_value, ".3f"),
        ]
        for one in comparisons
    ]
    columns = ["Compared", "Bars", "Sharpe, all", "without", "Return %, all", "without", "Max drawdown %, all"]
    return table([*columns, "without", "p-value"], rows)


def _pair(whole: AccountFigures, without: AccountFigures) -> Iterator[str]:
    """Each figure of both, next to each other."""
    for name, form in (("sharpe_ratio", ".2f"), ("total_return", ",.1f"), ("max_drawdown", ",.1f")):
        yield from (format_number(getattr(side, name), form) for side in (whole, without))
