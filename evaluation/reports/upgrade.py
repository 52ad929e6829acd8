"""Reports of earlier versions of the schema, as documents of today's version."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from evaluation.labels import sentence
from evaluation.reports.evidence import Evidence

# The names that version 3 changed, by the new path of the object that has them; `*` is any key or position.
_EVIDENCE = {
    "luck": "random_baseline",
    "choice": "model_selection",
    "weights": "feature_importance",
    "behaviour": "decision_quality",
    "beside": "expert_confusion",
}
_QUALITY = {"accuracy": "expert_agreement", "confidence": "returns_by_confidence"}
_QUANTITIES = {"actions": "trade_action", "sides": "position_sign", "strength": "position_size"}
_SHIFT = {"by_chance": "critical_psi", "independent": "effective_sample_size", "now": "current"}
_RENAMED: dict[tuple[str, ...], dict[str, str]] = {
    (): _EVIDENCE,
    ("absent",): _EVIDENCE,
    ("model_selection",): {"chosen": "selected"},
    ("decision_quality",): _QUALITY,
    ("decision_quality", "reasons"): _QUALITY,
    ("decision_quality", "calibration", "rows", "*"): {"right": "accuracy"},
    ("decision_quality", "returns_by_confidence"): {"sure": "high_confidence", "unsure": "low_confidence"},
    ("drift",): _QUANTITIES,
    ("drift", "reasons"): _QUANTITIES,
    ("drift", "trade_action"): _SHIFT,
    ("drift", "position_sign"): _SHIFT,
    ("drift", "features", "*"): _SHIFT,
}


def upgraded(document: dict[str, Any]) -> dict[str, Any]:
    """The document as version 3: version 1 had no evidence and no sentence, version 2 other names in its evidence."""
    version = document["schema_version"]
    if version == 1:
        verdict = document["verdict"]
        text = sentence(verdict["verdict"], verdict["reasons"], verdict["figures"])
        verdict = {**verdict, "sentence": text}
        return {**document, "schema_version": 3, "verdict": verdict, "evidence": asdict(Evidence())}
    if version == 2:
        return {**document, "schema_version": 3, "evidence": _evidence(document["evidence"])}
    return document


def _evidence(evidence: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = _renamed(evidence, ())
    if result["drift"] is not None:
        result["drift"]["drifted"] = [_QUANTITIES.get(name, name) for name in result["drift"]["drifted"]]
    return result


def _renamed(value: Any, path: tuple[str, ...]) -> Any:
    """The value with the keys of all objects in it renamed, as `_RENAMED` has them for their paths."""
    if isinstance(value, list):
        return [_renamed(item, (*path, "*")) for item in value]
    if not isinstance(value, dict):
        return value
    if path == ("drift", "features"):
        return {name: _renamed(shift, (*path, "*")) for name, shift in value.items()}
    names, document = _RENAMED.get(path, {}), dict[str, Any](value)
    renamed = {names.get(key, key): part for key, part in document.items()}
    return {key: _renamed(part, (*path, key)) for key, part in renamed.items()}
