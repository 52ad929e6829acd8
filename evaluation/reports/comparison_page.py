"""The comparison of models as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from data_pipeline.provenance import Provenance
from evaluation.labels import MISSING, count, figure, format_number, plain, undefined
from evaluation.metrics.summary import UNITS
from evaluation.reports.comparison_schema import Comparison, Row, SymbolComparison
from evaluation.reports.markup import Html, el, page, picture, section, side_by_side, table, together

# The metrics shown, with the heads of their columns.
COLUMNS = {
    "total_return": "Return %",
    "volatility": "Volatility %",
    "sharpe_ratio": "Sharpe",
    "max_drawdown": "Drawdown %",
    "trades": "Trades",
    "win_rate": "Win rate %",
    "exposure": "Exposure %",
}
# Those of versions that copy a trader, which have no account.
COPY_COLUMNS = {
    "accuracy": "Copied %",
    "balanced_accuracy": "Balanced %",
    "gain": "More than rules, points",
    "replication": "Replication",
}


def title(symbols: Sequence[SymbolComparison]) -> str:
    """The title of the page: the symbol whose models are compared, or how many symbols."""
    return f"Models of {symbols[0].symbol}" if len(symbols) == 1 else f"Models of {len(symbols)} symbols"


def comparison_page(comparison: Comparison, risk_return: Path) -> bytes:
    """The page; `risk_return` is the picture of risk and return."""
    symbols = comparison.symbols
    made_up = Provenance.joint(symbol.provenance for symbol in symbols)
    badge = el("span", made_up.badge.upper(), class_="pill sample") if made_up.badge else None
    return page(
        title(symbols),
        el(
            "header",
            el("div", el("h1", title(symbols)), badge, class_="top"),
            el("p", made_up.warning) if made_up.warning else None,
            el("p", f"Written {comparison.created_at:%Y-%m-%d %H:%M} UTC.", class_="faint"),
        ),
        section(
            "Recommendation",
            side_by_side(
                together(_recommendations(symbols), _by_type(symbols)),
                picture(risk_return, "Risk and return of every model in a year.") if _has_accounts(symbols) else None,
            ),
        ),
        *(_symbol(symbol) for symbol in symbols),
    )


def _recommendations(symbols: Sequence[SymbolComparison]) -> Html:
    rows = [
        el("tr", el("th", symbol.symbol, scope="row"), el("td", symbol.recommendation, class_="text"))
        for symbol in symbols
    ]
    return el("div", el("table", el("tbody", *rows)), class_="scroll")


def _by_type(symbols: Sequence[SymbolComparison]) -> Html | None:
    """The median Sharpe ratio of each model type over many symbols, of its best version for each."""
    if len(symbols) == 1:
        return None
    best: dict[str, dict[str, float]] = {}
    for symbol in symbols:
        for row in reversed(symbol.rows):  # the best comes last, and stays
            if row.model_type is not None and (ratio := row.figures["sharpe_ratio"]) is not None:
                best.setdefault(row.model_type, {})[symbol.symbol] = ratio
    rows = [[plain(kind), f"{len(own)}", format_number(median(own.values()))] for kind, own in sorted(best.items())]
    return table(["Model type", "Symbols", "Median Sharpe ratio of the best version"], rows)


def _symbol(symbol: SymbolComparison) -> Html:
    span = f"{symbol.first[:10]} to {symbol.last[:10]}, {count(symbol.bars, 'bar')} not seen in training"
    columns = COPY_COLUMNS if any("accuracy" in row.figures for row in symbol.rows) else COLUMNS
    rows = [
        [_model_name(row, symbol), row.state, row.standing or MISSING, *(_cell(row, name) for name in columns)]
        for row in symbol.rows
    ]
    return section(
        symbol.symbol,
        el("p", symbol.recommendation),
        table(["Model", "State", "Standing", *columns.values()], rows, caption=span),
        el("p", _overfitting_sentence(symbol), class_="faint") if _has_accounts([symbol]) else None,
        *(el("p", f"{plain(name)} could not be run: {reason}") for name, reason in symbol.left_out.items()),
    )


def _has_accounts(symbols: Sequence[SymbolComparison]) -> bool:
    """Whether any model of them has an account, which copies of a trader do not."""
    return any(symbol.overfitting_reason != "no_account" for symbol in symbols)


def _overfitting_sentence(symbol: SymbolComparison) -> str:
    """How likely selecting the model with the best Sharpe ratio is overfitting."""
    overfitting = symbol.overfitting
    if overfitting is None:
        return f"Probability of overfitting: {undefined(symbol.overfitting_reason or MISSING)}."
    return (
        f"Probability of overfitting: {overfitting.probability:.0%}. It is the share of {overfitting.splits:,} splits "
        "of these bars into halves in which the model with the best Sharpe ratio of one half is below the median "
        "model of the other."
    )


def _model_name(row: Row, symbol: SymbolComparison) -> str:
    name = display_name(row)
    return el("strong", name) if row.name == symbol.recommended else name


def display_name(row: Row) -> str:
    """The name of a model or a baseline as readable text."""
    return plain(row.name) if row.model_type is None else f"{plain(row.model_type)} {row.version}"


def _cell(row: Row, name: str) -> str:
    value = row.figures[name]
    return figure(value, UNITS.get(name, "percent")) if value is not None else el("small", undefined(row.reasons[name]))
