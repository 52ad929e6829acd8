"""Plots: the only package that imports matplotlib; pictures are written to files without a display.

Names are imported when first used, so that a task without a picture does not load matplotlib.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.lazy import lazy_exports

if TYPE_CHECKING:
    from evaluation.plots.copies import draw_attention as draw_attention
    from evaluation.plots.copies import draw_calibration as draw_calibration
    from evaluation.plots.copies import draw_hours as draw_hours
    from evaluation.plots.copies import draw_persistence as draw_persistence
    from evaluation.plots.copies import draw_replication as draw_replication
    from evaluation.plots.copies import draw_targets as draw_targets
    from evaluation.plots.costs import draw_costs as draw_costs
    from evaluation.plots.decisions import draw_actions as draw_actions
    from evaluation.plots.decisions import draw_confusion as draw_confusion
    from evaluation.plots.decisions import draw_importance as draw_importance
    from evaluation.plots.equity import draw_equity as draw_equity
    from evaluation.plots.health import draw_health as draw_health
    from evaluation.plots.models import Risk as Risk
    from evaluation.plots.models import draw_risk_return as draw_risk_return
    from evaluation.plots.portfolio import draw_weights as draw_weights
    from evaluation.plots.returns import draw_distribution as draw_distribution
    from evaluation.plots.returns import draw_months as draw_months
    from evaluation.plots.returns import draw_rolling_sharpe as draw_rolling_sharpe
    from evaluation.plots.style import Caption as Caption
else:
    __getattr__, __dir__ = lazy_exports(__name__, __file__)
