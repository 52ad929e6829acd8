"""evaluation: judge every challenger on bars nobody trained on, and promote what is better."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from daemon.executors.base import Outcome
from daemon.promotion import Finding, Judgement, makes_up_its_expert, settle
from daemon.steps.base import Ending, Plan, RunWork, ending_of
from daemon.steps.comparison import compare_models
from daemon.store import models
from daemon.store.models import Version, VersionState
from daemon.targets import Target, targets

NOTHING = {
    "message": "There is no challenger and no champion to judge.",
    "cure": "Train one first: `nightdesk train`. What was judged before is told by `nightdesk models`.",
}
# What a reader of the run wants to see at once; the rest is in the report.
FIGURES = ("sharpe_ratio", "total_return", "max_drawdown", "trades")


async def judge_models(work: RunWork) -> Ending:
    """Pairs side by side; inside a pair one challenger after the other, each against the champion of that moment."""
    pairs = targets(work.settings, work.home)
    outcomes: dict[Plan, Outcome] = {}
    verdicts: dict[str, Any] = {}
    queue = {pair: await _challengers(work, pair) for pair in pairs}
    alone = [pair for pair, found in queue.items() if not found and await _champion(work, pair) is not None]
    judgements = sum(map(len, queue.values())) + len(alone)
    work.expect(judgements + len({pair.subject for pair in pairs}) * (judgements > 0))
    rounds = max(map(len, queue.values()), default=0)
    for turn in range(max(rounds, 1)):
        plans = {}
        for pair, challengers in queue.items():
            champion = await _champion(work, pair)
            candidate = challengers[turn] if turn < len(challengers) else champion if turn == 0 else None
            if candidate is not None:
                plans[await _plan(work, candidate, champion, turn)] = (candidate, champion)
        for plan, outcome in (await work.do_all(plans)).items():
            outcomes[plan] = outcome
            verdict = await _settle(work, *plans[plan], outcome)
            if verdict is not None:
                verdicts[plan.label] = verdict
    if not outcomes:
        return Ending("skipped", "evaluation.nothing", dict(NOTHING))
    judged = dict.fromkeys(plan.subject for plan, outcome in outcomes.items() if outcome.value is not None)
    compared, recommendations = await compare_models(work, judged)
    ending = ending_of(outcomes | compared)
    ending.detail.update(verdicts=verdicts, recommendations=recommendations)
    return ending


async def _challengers(work: RunWork, pair: Target) -> list[Version]:
    """Oldest first, so that every one meets the champion that those before it have left."""
    return list(reversed(await work.read(lambda c: models.challengers(c, pair.subject, pair.model_type))))


async def _champion(work: RunWork, pair: Target) -> Version | None:
    return await work.read(lambda c: models.champion(c, pair.subject, pair.model_type))


async def _plan(work: RunWork, candidate: Version, champion: Version | None, turn: int) -> Plan:
    """A champion without a challenger is measured alone; one of other provenance is no rival."""
    rival = champion if _comparable(candidate, champion) else None
    count, sharpe_ratios = await work.read(lambda c: models.attempts(c, candidate))
    args = {
        "run": work.run.name,
        "challenger": _side(candidate),
        "champion": _side(rival) if rival is not None else None,
        "trials": {"count": count, "sharpe_ratios": sharpe_ratios},
    }
    return Plan("evaluate", args, candidate.subject, candidate.model_type, turn)


def _comparable(candidate: Version, champion: Version | None) -> bool:
    return champion is not None and champion.id != candidate.id and champion.provenance == candidate.provenance


def _side(version: Version) -> dict[str, str]:
    return {"version": version.version, "manifest_sha256": version.manifest_sha256}


async def _settle(
    work: RunWork, candidate: Version, champion: Version | None, outcome: Outcome
) -> dict[str, Any] | None:
    if (told := outcome.value) is None:
        if unfit := _unfit(candidate, outcome.error or {}):
            await work.write(lambda c: models.set_state(c, candidate.id, unfit, ("challenger",)))
        return None
    found = Finding(**told["challenger"])
    if makes_up_its_expert(candidate, champion):
        found = replace(found, verdict="inconclusive", reasons=["provenance"])
    judgement = Judgement(
        run_id=work.run.id,
        candidate=candidate,
        champion=champion,
        found=found,
        beside=Finding(**told["champion"]) if told["champion"] is not None else None,
        dataset=told["dataset"],
        first=datetime.fromisoformat(told["first"]),
        last=datetime.fromisoformat(told["last"]),
        report=told["report"],
    )
    promoted = await work.write(lambda c: settle(c, judgement, work.clock.now()))
    figures = {name: found.metrics.get(name) for name in FIGURES}
    return {
        "verdict": found.verdict,
        "reasons": found.reasons,
        "promoted": promoted,
        "serves": promoted or (champion is not None and champion.id == candidate.id),
        "report": told["report"],
        **figures,
    }


def _unfit(candidate: Version, error: dict[str, Any]) -> VersionState | None:
    """What becomes of a challenger that can never be judged, so that it is not tried again every night."""
    if error.get("code") == "model.other_bars":
        return "rejected"
    broken = str(error.get("code")).startswith("model.") and error.get("detail", {}).get("version") == candidate.version
    return "quarantined" if broken else None
