"""The metrics of a training: what was selected on the validation bars, and whether anything was learned."""

from __future__ import annotations

import math
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainers.rl.desk.candidates import Candidate, Learner
    from trainers.rl.desk.span_split import SpanSplit


def selection_metrics(split: SpanSplit, learners: list[Learner], number: int) -> dict[str, Any]:
    """The metrics of the version: of each seed, and of what was selected, a checkpoint or cash, on validation bars.

    The checkpoint had not learned from these bars; what serves has. `number` is the seed that was selected.
    """
    times = split.validation.frame.index
    scores = [learner.best.score for learner in learners]
    best, checkpoints = learners[number].best, sum(len(learner.candidates) for learner in learners)
    return {
        "learned": best.beats_cash,
        "learned_reason": _learned_reason(split, best, checkpoints),
        "learned_bars": len(split.every_decision_time) if best.beats_cash else len(split.decision_times),
        "chosen": {
            "seed": learners[number].facts["seed"] if best.beats_cash else None,
            "step": best.step if best.beats_cash else None,
            "checkpoints": checkpoints,
        },
        "validation": {
            "first": times[0].isoformat(),
            "last": times[-1].isoformat(),
            "bars": len(times),
            **(best.figures if best.beats_cash else split.cash),
            "buy_and_hold": split.buy_and_hold,
        },
        "seeds": [{"step": learner.best.step, **learner.best.figures, **learner.facts} for learner in learners],
        "sharpe_ratios": _spread([score for score in scores if math.isfinite(score)]),
    }


def _learned_reason(split: SpanSplit, best: Candidate, checkpoints: int) -> str:
    """Whether something was learned, and why, in a sentence; and what the model that serves has learned from."""
    bars, every = len(split.validation), split.every_decision_time
    ratio, gain = best.figures["sharpe_ratio"], best.figures["total_return"]
    figures = "it never trades" if best.figures["exposure"] == 0.0 else f"it earned {gain:.1f} %"
    figures += "" if ratio is None else f" at a Sharpe ratio of {ratio:.2f}"
    if best.beats_cash:
        return (
            f"Beat cash on validation: yes. On {bars} validation bars the policy after {best.step:,} steps beat cash: "
            f"{figures}. What serves has learned for as many steps from all {len(every):,} bars up to "
            f"{every[-1]:%Y-%m-%d}."
        )
    return (
        f"Beat cash on validation: no. None of {checkpoints} checkpoints beat cash on {bars} validation bars "
        f"(the best, after {best.step:,} steps: {figures}), so the model stays in cash."
    )


def _spread(scores: list[float]) -> dict[str, float | None]:
    """Statistics of the seeds' best scores; never trading counts as 0, as cash has, and ruined ones are absent."""
    if not scores:
        return dict.fromkeys(("mean", "std", "min", "max"))
    return {"mean": fmean(scores), "std": pstdev(scores), "min": min(scores), "max": max(scores)}
