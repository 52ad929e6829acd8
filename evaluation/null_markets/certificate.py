"""The certificate of an audit: what was simulated and what came out, as JSON that is the same whenever it is made."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from data_pipeline.provenance import Provenance
from evaluation.null_markets.audit import AuditPlan, AuditResult, PowerCell, Share, WorldCount
from evaluation.null_markets.recipes import couples
from evaluation.null_markets.worlds import WORLDS

FORMAT = 1


def certificate(plan: AuditPlan, result: AuditResult, *, settings: str, commit: str | None) -> dict[str, Any]:
    """As JSON; `settings` is the fingerprint of the settings that the nights went by."""
    rules = plan.rules
    return {
        "format": FORMAT,
        "code": {"version": version("nightdesk"), "commit": commit},
        "settings_fingerprint": settings,
        "seed": plan.seed,
        "homes": plan.homes,
        "power_homes": plan.power_homes,
        "symbols": plan.symbols,
        "years": plan.years,
        "nights": rules.nights,
        "confidence": rules.promotion.confidence,
        "min_trades": rules.promotion.min_trades,
        "folds": rules.folds.rules.model_dump(mode="json"),
        "costs": {name: costs.model_dump(mode="json") for name, costs in rules.costs.items()},
        "is_sample": any(Provenance.of(each.source).is_sample for each in plan.sizes),
        "sizes": [
            {"symbol": each.symbol, "source": each.source, "bars": len(each), "sha256": each.fingerprint()}
            for each in plan.sizes
        ],
        "worlds": [
            {"name": world.name, "sharpe": world.sharpe, "proportional": world.proportional, "spells": world.spells}
            for world in WORLDS
        ],
        "recipes": [[recipe.name for recipe in couple] for couple in couples(plan.seed)],
        "null_markets": [_world(count) for count in result.worlds],
        "power": [_cell(cell, share) for cell, share in result.power],
    }


def as_bytes(document: dict[str, Any]) -> bytes:
    """The file; equal documents give equal bytes."""
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def _world(count: WorldCount) -> dict[str, Any]:
    return {
        "world": count.world.name,
        "costs": count.costs,
        "proven": _share(count.proven),
        "proven_on_first_night": _share(count.first_night),
        "refuted": _share(count.refuted),
        "pairs_proven_by_recipe": {name: _share(share) for name, share in count.by_recipe.items()},
    }


def _cell(cell: PowerCell, share: Share) -> dict[str, Any]:
    return {
        "sharpe": cell.sharpe,
        "years": cell.years,
        "pairs": cell.among,
        "with_edge": cell.among if cell.all_have_edge else 1,
        "proven": _share(share),
    }


def _share(share: Share) -> dict[str, Any]:
    low, high = share.interval
    # ten digits: the last bits of a quantile are not the same on every machine
    return {"count": share.count, "among": share.among, "low": round(low, 10), "high": round(high, 10)}
