"""evaluation: extend the records, settle what recipes are worth, and let versions take the places they may have."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from daemon.domain.recipes import Recipe
from daemon.domain.targets import Target, targets
from daemon.domain.tasks import ErrorInfo, VersionRef
from daemon.executors.base import Outcome
from daemon.jobs.base import Ending, Outcomes, Plan, RunWork, ending_of
from daemon.jobs.evaluation.comparison import compare_models
from daemon.jobs.evaluation.messages import EvaluateRequest, EvaluateResult
from daemon.jobs.evaluation.promotion import Judgement, sample_teacher, settle
from daemon.jobs.records.step import in_order, look_at, recipes_in_use, record_ref, settle_standings
from daemon.jobs.serving import recipe_of_record, record_of
from daemon.store import evaluations, records, servings, versions
from daemon.store.versions import Version, VersionState
from data_pipeline.provenance import Provenance
from evaluation.verdicts import CaseKind, may_serve

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from daemon.jobs.records.messages import RecordRef
    from daemon.store.records import RecordRow

NOTHING = {
    "message": "There is no challenger and no champion to judge.",
    "cure": "Train one first: `nightdesk train`. `nightdesk models` lists earlier evaluations.",
}
# What a reader of the run wants to see at once; the rest is in the report.
FIGURES = ("sharpe_ratio", "total_return", "max_drawdown", "trades", "copied", "gain")
# More folds than the newest part of any history holds.
ALL = 1000


@dataclass(frozen=True)
class Match:
    """A version that is judged, the champion of that moment, and what is asked of a worker."""

    candidate: Version
    champion: Version | None
    request: EvaluateRequest


@dataclass(frozen=True)
class VerdictSummary:
    """What became of a version that was judged, and the metrics that a reader wants to see at once."""

    verdict: str
    reasons: tuple[str, ...]
    note: str
    standing: str
    sentence: str
    promoted: bool
    serves: bool
    report: str
    sharpe_ratio: float | None
    total_return: float | None
    max_drawdown: float | None
    trades: float | None
    copied: float | None  # of a copy of a trader, which has no account
    gain: float | None


async def judge_models(work: RunWork) -> Ending:
    """Records first; then in each place one challenger after the other, each against the champion of that moment."""
    pairs = targets(work.settings, work.home)
    if not await work.read(lambda c: any(_anything(c, pair) for pair in pairs)):
        return Ending("skipped", "evaluation.nothing", dict(NOTHING))
    recipes = await recipes_in_use(work)
    work.expect(len(recipes) + len(pairs) + len({pair.subject for pair in pairs}) + 1)
    outcomes = Outcomes()
    for batch in in_order(recipes):
        outcomes |= (await look_at(work, batch, first_look=True, at_most=ALL))[1]
    await settle_standings(work)
    stopped = [await work.write(partial(_stop_refuted, work=work, pair=pair)) for pair in pairs]
    queue = {pair: await work.write(partial(_challengers, work=work, pair=pair)) for pair in pairs}
    outcomes |= await _look_at_next_best(work, queue)
    verdicts, judged_subjects = {}, dict[str, None]()
    for turn in range(max(map(len, queue.values()), default=0) or 1):
        matches = {plan: match for pair in pairs for plan, match in await _match(work, pair, queue[pair], turn)}
        judged = await work.do_all(matches)
        outcomes |= judged
        for plan, match in matches.items():
            verdict = await _settle(work, match, judged[plan])
            if verdict is not None:
                verdicts[plan.label] = asdict(verdict)
                judged_subjects[plan.target.subject] = None
    compared, recommendations = await compare_models(work, judged_subjects)
    ending = ending_of(outcomes | compared)
    ending.detail.update(verdicts=verdicts, recommendations=recommendations)
    if any(stopped):
        ending.detail["stopped"] = [sentence for sentence in stopped if sentence]
    return ending


def _anything(c: Connection, pair: Target) -> bool:
    """Whether a version waits for its judgement, or one serves."""
    return bool(versions.versions(c, pair.subject, pair.model_type, states=("challenger", "champion"), limit=1))


def _stop_refuted(c: Connection, work: RunWork, pair: Target) -> str | None:
    """Retire a champion whose recipe may not serve any more, unless a person pinned it; why, in words."""
    champion = versions.champion(c, pair.subject, pair.model_type)
    row = record_of(c, champion) if champion is not None else None
    if champion is None or row is None or may_serve(row.standing, work.settings.promotion):
        return None
    if servings.pinned(c, pair.subject, pair.model_type):
        return None
    why = f"its recipe is {row.standing}: {row.sentence}"
    if not servings.stop(c, champion, work.clock.now(), why=why, author=f"evaluation run {work.run.id}"):
        return None
    work.log.write("warning", "champion.stopped", model=pair.label, version=champion.version, why=why)
    return f"{pair.label} {champion.version} stopped serving: {why}"


def _challengers(c: Connection, work: RunWork, pair: Target) -> list[Version]:
    """The newest challenger of each recipe, oldest first, so that every one meets the champion that others have left.

    Where nothing serves, the best record comes first; and where no challenger may serve, after them the next best: the
    newest earlier version of the recipe with the best record that may.
    """
    champion = versions.champion(c, pair.subject, pair.model_type)
    newest: dict[str | None, Version] = {}
    for version in versions.challengers(c, pair.subject, pair.model_type):
        outrun = champion is not None and champion.recipe == version.recipe and version.train_end < champion.train_end
        if outrun or newest.setdefault(version.recipe, version) is not version:
            versions.set_state(c, version.id, "rejected", ("challenger",))
    waiting = list(reversed(newest.values()))
    if champion is not None:
        return waiting
    best_first = sorted(waiting, key=partial(_worth, c, work), reverse=True)
    if any(_worth(c, work, version)[0] for version in waiting):
        return best_first
    return [*best_first, *_next_best(c, work, pair)]


def _worth(c: Connection, work: RunWork, version: Version) -> tuple[bool, float]:
    """Whether a version may serve, and what its recipe's record is ranked by."""
    row = record_of(c, version)
    if row is None:
        return False, float("-inf")
    return may_serve(row.standing, work.settings.promotion), records.rank(row)


def _next_best(c: Connection, work: RunWork, pair: Target) -> list[Version]:
    newest: dict[str | None, Version] = {}
    for version in versions.versions(c, pair.subject, pair.model_type, states=("retired", "rejected")):
        newest.setdefault(version.recipe, version)
    fit = [version for version in newest.values() if _worth(c, work, version)[0]]
    return [max(fit, key=partial(_worth, c, work))] if fit else []


async def _look_at_next_best(work: RunWork, queue: dict[Target, list[Version]]) -> Outcomes:
    """Extend the records of versions that come back: their recipes were not looked at while they were out of use."""

    def recipes(c: Connection) -> list[Recipe]:
        back = [version for waiting in queue.values() for version in waiting if version.state != "challenger"]
        return [recipe_of_record(row) for version in back if (row := record_of(c, version)) is not None]

    returning = await work.read(recipes)
    if not returning:
        return Outcomes()
    _, outcomes = await look_at(work, returning, first_look=True, at_most=ALL)
    return outcomes


async def _match(
    work: RunWork, pair: Target, challengers: list[Version], turn: int
) -> list[tuple[Plan[EvaluateResult], Match]]:
    """The judgement of this turn in one place: of its next challenger, or in the first turn of its champion alone."""
    champion = await work.read(lambda c: versions.champion(c, pair.subject, pair.model_type))
    candidate = challengers[turn] if turn < len(challengers) else champion if turn == 0 else None
    if candidate is None:
        return []
    request = await work.read(partial(_request, work=work, candidate=candidate, champion=champion, turn=turn))
    return [] if request is None else [(Plan(request), Match(candidate, champion, request))]


def _case(candidate: Version, champion: Version | None) -> CaseKind:
    """As what a version asks for its place; a champion of other bars is no predecessor and no opponent."""
    if champion is None:
        return "first"
    if champion.id == candidate.id:
        return "alone"
    if not Provenance.parse(candidate.provenance).comparable(Provenance.parse(champion.provenance)):
        return "first"
    return "refresh" if champion.recipe is None or champion.recipe == candidate.recipe else "challenge"


def _request(
    c: Connection, work: RunWork, candidate: Version, champion: Version | None, turn: int
) -> EvaluateRequest | None:
    """None for a version whose recipe has no record: it was trained before recipes had names."""
    row = record_of(c, candidate)
    if row is None:
        return None
    case = _case(candidate, champion)
    opponent = champion if case in ("refresh", "challenge") else None
    opponent_row = record_of(c, opponent) if opponent is not None else None
    return EvaluateRequest(
        subject=candidate.subject,
        model_type=candidate.model_type,
        iteration=turn,
        params=row.params,
        seed=row.seed,
        window=row.window,
        run=work.run.name,
        case=case,
        challenger=_reference(candidate),
        record=record_ref(c, row),
        champion=_reference(opponent) if opponent is not None else None,
        champion_record=_other_record(c, opponent_row, case),
        challenges=evaluations.challenges(c, candidate.subject, candidate.model_type, besides=candidate.recipe) + 1,
        tried=records.tried(c),
        sample_teacher=sample_teacher(candidate, champion),
        pinned=champion is not None and servings.pinned(c, candidate.subject, candidate.model_type),
    )


def _other_record(c: Connection, row: RecordRow | None, case: CaseKind) -> RecordRef | None:
    return record_ref(c, row) if row is not None and case == "challenge" else None


def _reference(version: Version) -> VersionRef:
    return VersionRef(name=version.version, manifest_sha256=version.manifest_sha256)


async def _settle(work: RunWork, match: Match, outcome: Outcome[EvaluateResult]) -> VerdictSummary | None:
    candidate, request, result = match.candidate, match.request, outcome.value
    if result is None:
        if outcome.error is not None and (unfit := _unfit(candidate, outcome.error)):
            await work.write(lambda c: versions.set_state(c, candidate.id, unfit, ("challenger",)))
        return None
    judgement = Judgement(
        run_id=work.run.id, case=request.case, candidate=candidate, champion=match.champion, result=result
    )
    promoted = await work.write(lambda c: settle(c, judgement, work.clock.now()))
    return VerdictSummary(
        verdict=result.outcome,
        reasons=result.reasons,
        note=result.note,
        standing=request.record.standing,
        sentence=request.record.sentence,
        promoted=promoted,
        serves=promoted or request.case == "alone",
        report=result.report,
        **{name: result.metrics.number(name) for name in FIGURES},
    )


def _unfit(candidate: Version, error: ErrorInfo) -> VersionState | None:
    """What becomes of a challenger that can never be judged, so that it is not tried again every night."""
    if error.code == "model.other_bars":
        return "rejected"
    broken = error.code.startswith("model.") and error.detail.get("version") == candidate.version
    return "quarantined" if broken else None
