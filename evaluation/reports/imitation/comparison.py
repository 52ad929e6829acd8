"""The comparison of versions that copy one trader, in the markets that all of their records have."""

from __future__ import annotations

from collections.abc import Mapping

from data_pipeline.provenance import Provenance
from evaluation.imitation.figures import BASELINES
from evaluation.imitation.record import ImitationRecord, imitation_figures
from evaluation.reports.comparison import FIGURES, ComparedVersion
from evaluation.reports.comparison_page import COPY_COLUMNS
from evaluation.reports.comparison_schema import Row, SymbolComparison


def compare_copies(
    subject: str,
    provenance: Provenance,
    records: Mapping[ComparedVersion, ImitationRecord],
    left_out: Mapping[str, str],
) -> SymbolComparison:
    """How much each copies; nothing is said of what following them would earn."""
    names = set.intersection(*({market.name for market in record.markets} for record in records.values()))
    common = {version: part for version, record in records.items() if (part := record.within(names)) is not None}
    missing = {version.name: "its record has no market with the others" for version in records if version not in common}
    compared = common or dict(records)
    figures = {version: imitation_figures(record) for version, record in compared.items()}
    rows = [
        _row(version.name, {name: getattr(figures[version], name) for name in COPY_COLUMNS}, version)
        for version in sorted(compared, key=lambda version: -(figures[version].accuracy or 0.0))
    ]
    first = next(iter(compared.values()))
    simple = next(iter(figures.values())).baselines
    recommended, recommendation = _recommend(compared, {version: each.gain for version, each in figures.items()})
    return SymbolComparison(
        symbol=subject,
        provenance=provenance,
        first=first.first.isoformat(),
        last=first.last.isoformat(),
        bars=sum(map(len, first.markets)),
        rows=[*rows, *(_row(BASELINES[rule], {"accuracy": share}) for rule, share in simple.items())],
        recommended=recommended.name if recommended is not None else None,
        recommendation=recommendation,
        overfitting=None,
        overfitting_reason="no_account",
        left_out={**left_out, **(missing if common else {})},
    )


def _row(name: str, values: Mapping[str, float | int | None], version: ComparedVersion | None = None) -> Row:
    every = {**dict.fromkeys(FIGURES), **dict.fromkeys(COPY_COLUMNS), **values}
    reasons = {
        figure: "no_account" if figure in FIGURES else "not_measured" for figure in every if every[figure] is None
    }
    return Row(
        name=name,
        model_type=version.model_type if version else None,
        version=version.version if version else None,
        state=version.state if version else "baseline",
        standing=version.standing if version else None,
        figures=every,
        reasons=reasons,
    )


def _recommend(
    records: Mapping[ComparedVersion, ImitationRecord], gains: Mapping[ComparedVersion, float | None]
) -> tuple[ComparedVersion | None, str]:
    """The best of those that serve: a proven one first, then by what it gains on simple rules."""
    serving = [version for version in records if version.state == "champion"]
    if not serving:
        return None, "Nothing serves, so nothing copies this trader."
    best = max(serving, key=lambda version: (version.standing == "proven", gains[version] or 0.0))
    if best.standing == "proven":
        return best, f"{best.name} is proven to copy more than simple rules do. {best.sentence}"
    return (
        best,
        f"Nothing that serves is proven to copy more than simple rules do; {best.name} comes closest. {best.sentence}",
    )
