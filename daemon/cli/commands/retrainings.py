"""The command `retrainings`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from daemon.api.answers.retrainings import RetrainingPage
from daemon.cli.choices import choices
from daemon.cli.output import answer, moment, table
from daemon.cli.reading import reader


def retrainings(
    context: typer.Context,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol, or other subject.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 50,
) -> None:
    """Which models were retrained for a reason, besides the schedule, and the reasons; newest first."""
    global_options = choices(context)
    subject = global_options.symbol(symbol) if symbol else None
    with reader(global_options) as records:
        document = records.get("/retrainings", subject=subject, limit=limit)
    answer(document, as_json=global_options.json, render=_show)


def _show(document: Any) -> None:
    rows = [
        [
            moment(retraining.started_at),
            retraining.subject,
            retraining.model_type,
            f"training-{retraining.run_id}" + ("" if retraining.own_run else ", by the schedule"),
            " ".join(diagnosis.message for diagnosis in retraining.diagnoses),
        ]
        for retraining in RetrainingPage.model_validate(document).items
    ]
    table("Retrainings for a reason", ["started", "subject", "model type", "training", "reasons"], rows)
