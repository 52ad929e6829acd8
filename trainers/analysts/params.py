"""The params of the model type `analyst_ensemble`; light: a config is checked without loading a model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, model_validator

from config.section import Section
from config.settings import CostParams, Settings
from trainers.analysts.strategies import AnalystWeights
from trainers.cloning.policy.config import PolicyClonerParams


class AnalystEnsembleParams(Section):
    """How analysts are weighed, and what their decisions become.

        p = sum(w_i c_i p_i) / sum(w_i c_i)     over the analysts i that have a view at a bar: probability p_i that the
                                                price rises, confidence c_i, weight w_i
        buy above 0.55, sell below 0.45;   strength = min(1, max(p, 1 - p) size),  size 0.25 to 2 by the risk

    It is the weighted soft vote of an ensemble (L. I. Kuncheva, Combining Pattern Classifiers, 2nd ed., 2014, ch. 5).

    Args:
        analyst_weights: of tech, news, risk and rl; one with weight 0 is not asked.
        sell: whether a sell exits, or goes short by its strength.
        policy_days: days after the end of its training for which the policy (rl) has a view; then it is stale.
        costs: of the comparison with and without each analyst; those that are not given are the desk's.
        policy_cloner: the params of the policy.
    """

    analyst_weights: AnalystWeights = AnalystWeights()
    sell: Literal["exit", "short"] = "exit"
    policy_days: Annotated[int, Field(ge=1)] = 400
    costs: CostParams = CostParams()
    policy_cloner: PolicyClonerParams = PolicyClonerParams()

    @model_validator(mode="before")
    @classmethod
    def _costs_of_the_desk(cls, values: Any, info: ValidationInfo) -> Any:
        """Fill costs that are not given from the desk's settings."""
        if not (isinstance(values, dict) and isinstance(info.context, Settings)):
            return values
        return {**values, "costs": {**info.context.costs.model_dump(), **values.get("costs", {})}}
