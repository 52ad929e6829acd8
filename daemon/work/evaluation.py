"""The task that judges a version: challenger and champion over the same bars, which neither has seen."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from daemon.work.versions import inputs_of, judged_version, loaded, proved, refuse_other_bars, speaks_of
from evaluation import judges
from evaluation.judges.base import Case
from evaluation.report_schema import Subject
from evaluation.significance import Trials
from trainers import registry

if TYPE_CHECKING:
    from daemon.worker import WorkContext
    from data_pipeline.inputs import Inputs
    from trainers.artifact import Artifact


def evaluate(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Judge `challenger` against `champion` (or against cash) and write the report; its verdict moves no pointer.

    The challenger must reproduce its golden predictions. The champion is taken as it decides now: where a library has
    changed since its training, what it would decide tomorrow is what a challenger has to beat.
    """
    context.progress(0.0, "loading")
    challenger = proved(context.home, args, args["challenger"])
    inputs = inputs_of(context, args["symbol"], challenger.manifest)
    refuse_other_bars(challenger.manifest, inputs)
    champion = _comparable_champion(context, args, inputs)
    case = Case(
        inputs,
        judged_version(context, challenger, inputs, _trials(args, challenger)),
        judged_version(context, champion, inputs, _trials(args, champion)) if champion is not None else None,
        context.settings,
    )
    context.progress(0.2, "backtesting and gathering evidence")
    judgement = judges.get(registry.get(args["model_type"]).judge).judge(case)
    context.progress(0.6, "writing the report")
    folder = context.home.result(args["run"]) / args["symbol"] / args["model_type"] / challenger.manifest.version
    judgement.write_report(folder, _subject(challenger, champion, inputs), context.now())
    return {
        "dataset": inputs.dataset,
        "first": judgement.first.isoformat(),
        "last": judgement.last.isoformat(),
        "report": context.home.relative(folder),
        "challenger": asdict(judgement.challenger),
        "champion": asdict(judgement.champion) if judgement.champion is not None else None,
    }


def _comparable_champion(context: WorkContext, args: dict[str, Any], inputs: Inputs) -> Artifact | None:
    """Who serves, if there is anybody and these bars are of the kind it was trained on."""
    champion = loaded(context.home, args, args["champion"]) if args.get("champion") else None
    return champion if champion is not None and speaks_of(champion.manifest, inputs) else None


def _subject(challenger: Artifact, champion: Artifact | None, inputs: Inputs) -> Subject:
    manifest = challenger.manifest
    return Subject(
        symbol=manifest.subject,
        model_type=manifest.model_type,
        version=manifest.version,
        champion=champion.manifest.version if champion is not None else None,
        provenance=manifest.provenance,
        dataset=inputs.dataset,
        interval=next(iter(inputs.bars.values())).interval,
        trained_on=(manifest.train_start.isoformat(), manifest.train_end.isoformat()),
    )


def _trials(args: dict[str, Any], artifact: Artifact) -> Trials:
    """The versions among which this one was found, it being one of them."""
    trials = args["trials"]
    others = {name: sharpe for name, sharpe in trials["sharpe_ratios"].items() if name != artifact.manifest.version}
    return Trials(trials["count"], tuple(others.values()))
