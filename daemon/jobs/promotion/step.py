"""promotion: what a person orders to serve, proved before the pointer moves, and written with their name.

The standing stays what the evidence says.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from daemon.domain.options import ServingOrder
from daemon.executors.base import Outcome
from daemon.jobs.base import Ending, Plan, RunWork
from daemon.jobs.training.messages import InspectRequest, VersionFacts
from daemon.store import servings, versions
from daemon.store.versions import Version

if TYPE_CHECKING:
    from sqlalchemy import Connection


async def order_serving(work: RunWork) -> Ending:
    """Promote, roll back, pin or unpin, as the options of the run say."""
    order = work.run.options.order
    if order is None:
        return _failed("order.missing", "This job does what a person orders, and nothing was ordered.", "See `--help`.")
    version = await work.read(partial(_ordered, order=order))
    if version is None:
        return _failed(
            "version.unknown",
            f"There is no {_version_name(order)} of {order.subject} {order.model_type} that could serve.",
            "`nightdesk models` lists the versions and their states.",
        )
    if order.action != "unpin" and version.state != "champion":
        proof = Plan(InspectRequest(subject=version.subject, model_type=version.model_type, version=version.version))
        outcome = await work.do(proof)
        if outcome.value is None:
            return _failed_proof(outcome)
    return await work.write(partial(_carry_out, work=work, order=order, version=version))


def _version_name(order: ServingOrder) -> str:
    return (
        f"version {order.version}" if order.version else "earlier version" if order.action == "rollback" else "champion"
    )


def _ordered(c: Connection, order: ServingOrder) -> Version | None:
    """The version that the order is about."""
    if order.version is not None:
        return versions.find(c, order.subject, order.model_type, order.version)
    if order.action == "rollback":
        return servings.predecessor(c, order.subject, order.model_type)
    return versions.champion(c, order.subject, order.model_type)


def _carry_out(c: Connection, work: RunWork, order: ServingOrder, version: Version) -> Ending:
    now, why = work.clock.now(), order.reason or f"{order.action} by a person"
    if version.state != "champion" and not servings.serve(
        c, version.subject, version.model_type, version.id, now, why=why, author=order.author
    ):
        return _failed(
            "version.unfit",
            f"{version.subject} {version.model_type} {version.version} is {version.state}, and cannot serve.",
            "Name a version that is challenger, retired or rejected; `nightdesk models` lists them.",
        )
    if order.action in ("pin", "unpin"):
        servings.pin(c, version, now, pinned=order.action == "pin", why=why, author=order.author)
    work.log.write("info", "serving.ordered", action=order.action, version=version.version, author=order.author)
    return Ending("succeeded", None, {"version": version.version, "action": order.action})


def _failed_proof(outcome: Outcome[VersionFacts]) -> Ending:
    """The version cannot be loaded, or decides otherwise than when it was trained: nothing moves."""
    if outcome.error is None:
        return Ending("failed", "task.failed")
    return _failed(outcome.error.code, outcome.error.message, outcome.error.cure)


def _failed(code: str, message: str, cure: str) -> Ending:
    return Ending("failed", code, {"message": message, "cure": cure})
