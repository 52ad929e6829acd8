"""HTML of a portfolio: its symbols, what they weighed and what they made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from evaluation.labels import MISSING, format_number
from evaluation.reports.markup import Html, el, table

if TYPE_CHECKING:
    from evaluation.portfolio.evidence import PortfolioEvidence, SymbolPart

ROWS = 30  # symbols in the table


def portfolio_parts(portfolio: PortfolioEvidence) -> Iterator[Html]:
    """A row for each symbol, the one that made most first; of many those that made and lost most."""
    symbols = portfolio.symbols
    shown = symbols if len(symbols) <= ROWS else (*symbols[: ROWS // 2], *symbols[-ROWS // 2 :])
    columns = ["Symbol", "Mean weight %", "Newest weight %", "Made, % of the initial cash", "Turnover, times a year"]
    yield table(columns, [_row(part) for part in shown])
    text = f"Cash earned {format_number(portfolio.interest, '.1f')} % of the initial cash."
    left_out = len(symbols) - len(shown)
    yield el("p", text + (f" {left_out} symbols that made neither most nor least are in report.json." * bool(left_out)))


def _row(part: SymbolPart) -> list[str]:
    figures = (part.mean_weight, part.newest_weight, part.contribution)
    turnover = MISSING if part.turnover is None else format_number(part.turnover, ".1f")
    return [part.symbol, *(format_number(figure, ".1f") for figure in figures), turnover]
