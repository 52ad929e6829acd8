"""The tables of the production checklist and of members."""

from __future__ import annotations

from evaluation.reports.checklist_tables import checklist_table, comparisons_table
from evaluation.reports.evidence import AccountFigures, Check, MemberComparison
from evaluation.reports.markup import together


def test_every_item_says_whether_it_passed_failed_or_was_not_measured():
    checks = (
        Check("validation_accuracy", 72.5, "above 70 %", True, "over 400 decisions", "%"),
        Check("inference_speed", 12.0, "under 10 ms", False, unit="ms"),
        Check("fallback", None, "decides without each member", None, "it has <no> members"),
    )
    text = together(*checklist_table(checks))
    assert "1 pass, 1 fail, 1 not measured." in text
    assert "72.5\N{NO-BREAK SPACE}%" in text
    assert "12\N{NO-BREAK SPACE}ms" in text
    assert "it has &lt;no&gt; members" in text


def test_a_member_is_shown_with_the_figures_of_both_accounts():
    whole, without = AccountFigures(1.25, 30.0, -10.0), AccountFigures(None, 20.0, -15.5)
    text = comparisons_table([MemberComparison("rl", "2024-01-01T00:00", "2024-12-31T00:00", 252, whole, without)])
    for cell in ("without rl", "2024-01-01 to 2024-12-31", "1.25", "undefined", "\N{MINUS SIGN}15.5"):
        assert cell in text
