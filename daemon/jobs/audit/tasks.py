"""The task that audits the rules by which recipes are proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.jobs.audit.messages import AuditResult, ProvenHomes
from daemon.jobs.audit.null_markets import audit_null_markets

if TYPE_CHECKING:
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.audit.messages import AuditRequest


def audit(context: WorkContext, request: AuditRequest) -> AuditResult:
    """Simulate as many homes as the settings say, in this one process."""
    params = context.settings.audit
    document = audit_null_markets(
        context.home,
        context.settings,
        context.home.result(request.run),
        homes=params.homes,
        seed=params.seed,
        processes=1,
        progress=context.progress,
    )
    worlds = tuple(
        ProvenHomes(world=row["world"], costs=row["costs"], proven=row["proven"]["count"], homes=row["proven"]["among"])
        for row in document["null_markets"]
    )
    return AuditResult(worlds=worlds, files=tuple(document["files"]))
