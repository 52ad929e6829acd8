"""evaluation: judge every challenger on bars nobody trained on, and promote what is better."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from daemon.domain.targets import Target, targets
from daemon.domain.tasks import ErrorInfo, VersionRef
from daemon.executors.base import Outcome
from daemon.jobs.base import Ending, Outcomes, Plan, RunWork, ending_of
from daemon.jobs.evaluation.comparison import compare_models
from daemon.jobs.evaluation.messages import Attempts, EvaluateRequest, EvaluateResult
from daemon.jobs.evaluation.promotion import Judgement, made_up_teacher, settle
from daemon.store import evaluations, versions
from daemon.store.versions import Version, VersionState
from data_pipeline.provenance import Provenance

NOTHING = {
    "message": "There is no challenger and no champion to judge.",
    "cure": "Train one first: `nightdesk train`. `nightdesk models` lists earlier evaluations.",
}
# What a reader of the run wants to see at once; the rest is in the report.
FIGURES = ("sharpe_ratio", "total_return", "max_drawdown", "trades")


@dataclass(frozen=True)
class Match:
    """A version that is judged, and the champion of that moment."""

    candidate: Version
    champion: Version | None


@dataclass(frozen=True)
class VerdictSummary:
    """What became of a version that was judged, and the metrics that a reader wants to see at once."""

    verdict: str
    reasons: tuple[str, ...]
    promoted: bool
    serves: bool
    report: str
    sharpe_ratio: float | None
    total_return: float | None
    max_drawdown: float | None
    trades: float | None


async def judge_models(work: RunWork) -> Ending:
    """Targets side by side; inside a pair one challenger after the other, each against the champion of that moment."""
    pairs = targets(work.settings, work.home)
    queue = {pair: await _challengers(work, pair) for pair in pairs}
    alone = [pair for pair, waiting in queue.items() if not waiting and await _champion(work, pair) is not None]
    judgements = sum(map(len, queue.values())) + len(alone)
    work.expect(judgements + len({pair.subject for pair in pairs}) * (judgements > 0))
    outcomes, verdicts = Outcomes(), {}
    for turn in range(max(map(len, queue.values()), default=0) or 1):
        matches = await _matches(work, queue, turn)
        judged = await work.do_all(matches)
        outcomes |= judged
        for plan, match in matches.items():
            verdict = await _settle(work, match, judged[plan])
            if verdict is not None:
                verdicts[plan.label] = asdict(verdict)
    if not outcomes:
        return Ending("skipped", "evaluation.nothing", dict(NOTHING))
    subjects = dict.fromkeys(plan.target.subject for plan, outcome in outcomes.items() if outcome.value is not None)
    compared, recommendations = await compare_models(work, subjects)
    ending = ending_of(outcomes | compared)
    ending.detail.update(verdicts=verdicts, recommendations=recommendations)
    return ending


async def _matches(work: RunWork, queue: dict[Target, list[Version]], turn: int) -> dict[Plan[EvaluateResult], Match]:
    """The judgements of this turn: of every pair its next challenger, or in the first turn its champion alone."""
    matches = {}
    for pair, challengers in queue.items():
        champion = await _champion(work, pair)
        candidate = challengers[turn] if turn < len(challengers) else champion if turn == 0 else None
        if candidate is not None:
            matches[Plan(await _request(work, candidate, champion, turn))] = Match(candidate, champion)
    return matches


async def _challengers(work: RunWork, pair: Target) -> list[Version]:
    """Oldest first, so that every one meets the champion that those before it have left."""
    return list(reversed(await work.read(lambda c: versions.challengers(c, pair.subject, pair.model_type))))


async def _champion(work: RunWork, pair: Target) -> Version | None:
    return await work.read(lambda c: versions.champion(c, pair.subject, pair.model_type))


async def _request(work: RunWork, candidate: Version, champion: Version | None, turn: int) -> EvaluateRequest:
    """A champion without a challenger is measured alone; one of other provenance is no opponent."""
    opponent = champion if _comparable(candidate, champion) else None
    count, sharpe_ratios = await work.read(lambda c: evaluations.attempts(c, candidate))
    return EvaluateRequest(
        subject=candidate.subject,
        model_type=candidate.model_type,
        iteration=turn,
        run=work.run.name,
        challenger=_reference(candidate),
        champion=_reference(opponent) if opponent is not None else None,
        attempts=Attempts(count=count, sharpe_ratios=sharpe_ratios),
    )


def _comparable(candidate: Version, champion: Version | None) -> bool:
    if champion is None or champion.id == candidate.id:
        return False
    return Provenance.parse(candidate.provenance).comparable(Provenance.parse(champion.provenance))


def _reference(version: Version) -> VersionRef:
    return VersionRef(name=version.version, manifest_sha256=version.manifest_sha256)


async def _settle(work: RunWork, match: Match, outcome: Outcome[EvaluateResult]) -> VerdictSummary | None:
    candidate, champion = match.candidate, match.champion
    result = outcome.value
    if result is None:
        if outcome.error is not None and (unfit := _unfit(candidate, outcome.error)):
            await work.write(lambda c: versions.set_state(c, candidate.id, unfit, ("challenger",)))
        return None
    finding = result.challenger
    if made_up_teacher(candidate, champion):
        finding = finding.model_copy(update={"verdict": "inconclusive", "reasons": ("provenance",)})
    judgement = Judgement(
        run_id=work.run.id,
        candidate=candidate,
        champion=champion,
        finding=finding,
        champion_finding=result.champion,
        dataset=result.dataset,
        first=result.first,
        last=result.last,
        report=result.report,
    )
    promoted = await work.write(lambda c: settle(c, judgement, work.clock.now()))
    return VerdictSummary(
        verdict=finding.verdict,
        reasons=finding.reasons,
        promoted=promoted,
        serves=promoted or (champion is not None and champion.id == candidate.id),
        report=result.report,
        **{name: finding.metrics.number(name) for name in FIGURES},
    )


def _unfit(candidate: Version, error: ErrorInfo) -> VersionState | None:
    """What becomes of a challenger that can never be judged, so that it is not tried again every night."""
    if error.code == "model.other_bars":
        return "rejected"
    broken = error.code.startswith("model.") and error.detail.get("version") == candidate.version
    return "quarantined" if broken else None
