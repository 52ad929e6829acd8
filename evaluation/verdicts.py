"""Verdicts: as what a version asks for its place, and what becomes of it; light, for the desk process."""

from __future__ import annotations

from typing import Literal

from config.settings import Promotion
from evaluation.records.standing import Standing

# See evaluation.gate.
CaseKind = Literal["first", "refresh", "challenge", "alone"]
Outcome = Literal["takes_over", "held_back", "refused", "measured"]


def may_serve(standing: Standing, rules: Promotion) -> bool:
    """Whether versions of a recipe of this standing serve."""
    return standing == "proven" or (standing == "unproven" and rules.serve == "unproven")
