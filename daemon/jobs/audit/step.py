"""audit: simulate homes without skill, and count how many of them this home's rules call proven."""

from __future__ import annotations

from daemon.jobs.audit.messages import AuditRequest
from daemon.jobs.base import Ending, Plan, RunWork, ending_of


async def audit_rules(work: RunWork) -> Ending:
    """Audit in one task; the counts and the files are in the detail of the run."""
    plan = Plan(AuditRequest(run=work.run.name))
    outcomes = await work.do_all([plan])
    ending = ending_of(outcomes)
    if (result := outcomes[plan].value) is not None:
        ending.detail.update(result.document())
    return ending
