"""The answer to the question of the report, and what it rests on, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from evaluation.imitation.controls import Control, verdict
from evaluation.imitation.evidence import ImitationEvidence
from evaluation.imitation.figures import BASELINES, ImitationFigures
from evaluation.labels import format_number, undefined
from evaluation.records.standing import Standing


def answer(standing: Standing, figures: ImitationFigures) -> str:
    """Can this trader be copied? In one sentence."""
    if figures.accuracy is None or figures.best_baseline is None:
        return "It cannot be said: no decision of the trader is known in later markets."
    rule = BASELINES[figures.best_baseline]
    compared = (
        f"this model copies {figures.accuracy:.1f} % of its decisions in {figures.markets} later markets, "
        f"where {rule} gets {figures.baselines[figures.best_baseline]:.1f} %"
    )
    if standing == "proven":
        return f"Yes, better than by simple rules: {compared}."
    if standing == "refuted" or (figures.gain or 0.0) <= 0.0:
        return f"Not by this model: {compared}."
    return f"Perhaps, but not surely: {compared}."


def control_sentences(controls: dict[str, Control]) -> Iterator[str]:
    """Whether each part of the model earned its place."""
    for name, control in controls.items():
        if control.gain is not None:
            yield verdict(name, control)


def lateness_sentence(evidence: ImitationEvidence) -> str:
    """What being one bar late costs."""
    late, delay = evidence.late, evidence.delay
    copied = f"One bar late, the same decisions copy {format_number(late.estimate, '.1f')} %."
    if delay.reason is not None or delay.cost.estimate is None:
        return f"{copied} What it costs the trader's own trades is unknown: {undefined(delay.reason or 'no_trades')}."
    between = ""
    if delay.cost.low is not None:
        between = f" ({format_number(delay.cost.low, '.1f')} to {format_number(delay.cost.high, '.1f')})"
    return (
        f"{copied} The trader's own trades returned {format_number(delay.returned.estimate, '.1f')} % of what it paid; "
        f"each made at the close of the next bar, {format_number(delay.late.estimate, '.1f')} %: being late costs "
        f"{format_number(delay.cost.estimate, '.1f')} points{between}."
    )


def association_sentence(evidence: ImitationEvidence) -> str:
    """Whether more is bought where more return is still to come."""
    association = evidence.association
    if association.reason is not None:
        return f"What returns were still to come is unknown: {undefined(association.reason)}."
    words = []
    for who, interval in (("trader", association.actual), ("model", association.copied)):
        if interval.estimate is None:
            words.append(f"the {who} trades nothing else, or nothing")
        else:
            between = (
                f" ({format_number(interval.low)} to {format_number(interval.high)})"
                if interval.low is not None
                else ""
            )
            words.append(
                f"the side of the {who} and the return still to come correlate by "
                f"{format_number(interval.estimate)}{between}"
            )
    text = ", ".join(words)
    return f"{text[:1].upper()}{text[1:]}."


def target_sentence(evidence: ImitationEvidence) -> str:
    """Whether it responds to the return that is asked for."""
    if evidence.targets is None:
        return "It decides the same whatever return is asked for."
    low, high = evidence.targets[0], evidence.targets[-1]
    most = max(target.changed for target in evidence.targets)
    return (
        f"Asked for {100.0 * high.target:+.0f} % instead of {100.0 * low.target:+.0f} %, it buys towards Up on "
        f"{high.up:.1f} % of bars instead of {low.up:.1f} %; no wish changes more than {most:.1f} % of its decisions."
    )
