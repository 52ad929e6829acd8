"""The params of the model types of reinforcement learning; light: a config is checked without loading torch."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationInfo, create_model, model_validator

from config.section import Section
from config.settings import CostParams, Settings
from trainers.flags import STEPS_FLAG, Flag
from trainers.rl.agents.configs import AgentConfig
from trainers.rl.agents.specs import AGENTS, ActionKind, AgentSpec, agent_spec
from trainers.rl.environments.config import TradingEnvConfig

Count = Annotated[int, Field(ge=1)]


class RLParams(Section):
    """How an agent of the desk is trained, and how the seed and the number of steps of what serves are selected.

    Selected is the checkpoint with the highest Sharpe ratio of returns in excess of cash on the validation bars,

        S = mean(x) / std(x) sqrt(bars a year),   x the excess returns after costs

    over those of all seeds. What serves is then trained anew with that seed, for as many steps, on every bar of the
    span. Selecting the best of many overstates it, so it is judged on later bars only.

    Args:
        agent: the config of the agent's algorithm.
        environment: the config of the trading environment; costs that are not given are the desk's.
        total_timesteps: of each seed, over all environments; by default the desk's `training_params.steps`.
        environments: copies of the environment that are played at once.
        seeds: agents to train; the best of all their checkpoints is selected.
        evaluations: checkpoints of each agent, evenly spaced over its training; fewer if it updates less often.
        validation: the last part of the span, by time, by which a checkpoint is selected before it is learned from.
        purge: bars between training and validation bars that a checkpoint has not learned from either.
    """

    # The kinds of actions that this agent can give, the default first.
    actions: ClassVar[tuple[ActionKind, ...]] = ("continuous", "discrete")

    agent: AgentConfig
    environment: TradingEnvConfig = TradingEnvConfig()
    # Of all environments together, for each seed.
    total_timesteps: Annotated[Count, Flag(STEPS_FLAG, help="steps of each training, over what the config says")] = (
        100_000
    )
    environments: Annotated[int, Field(ge=1, le=4096), Flag("--environments", help="copies played at once")] = 8
    seeds: Annotated[int, Field(ge=1, le=100), Flag("--seeds", help="agents to train, the best of which serves")] = 1
    evaluations: Annotated[int, Field(ge=1, le=1000)] = 10
    validation: float = Field(default=0.2, gt=0.0, lt=1.0)
    purge: Count = 5

    @property
    def evaluation_interval(self) -> int:
        """Training steps between two evaluations on the validation bars, and between two checkpoints."""
        return max(self.total_timesteps // self.evaluations, 1)

    def share(self, part: int, fraction: float) -> float:
        """How much of the whole is done when `fraction` of a part is: one for each seed, the last for what serves."""
        return (part + fraction) / (self.seeds + 1)

    @model_validator(mode="before")
    @classmethod
    def _filled_from_settings(cls, values: Any, info: ValidationInfo) -> Any:
        """Fill params that are not given from the desk's settings, then from the defaults of this agent."""
        environment = values.get("environment", {}) if isinstance(values, dict) else None
        if not isinstance(environment, dict):
            return values
        defaults: dict[str, Any] = {"environment": {"actions": cls.actions[0]}}
        if isinstance(info.context, Settings):
            defaults["total_timesteps"] = info.context.training_params.steps
            defaults["environment"] |= _costs(info.context.costs)
        return {**defaults, **values, "environment": {**defaults["environment"], **environment}}

    @model_validator(mode="after")
    def _can_act(self) -> RLParams:
        if self.environment.actions not in self.actions:
            raise ValueError(f"environment.actions must be {' or '.join(self.actions)} for this agent")
        return self

    @model_validator(mode="after")
    def _can_learn(self) -> RLParams:
        first = self.agent.learns_after(self.environments)
        if first > self.total_timesteps:
            raise ValueError(
                f"total_timesteps (the desk's training_params.steps, where it is not given) is {self.total_timesteps}, "
                f"but this agent, in {self.environments} environments, learns for the first time after {first} steps"
            )
        return self


def _costs(costs: CostParams) -> dict[str, float]:
    return {"initial_balance": costs.initial_cash, **costs.model_dump(exclude={"initial_cash"})}


@cache
def params_class(agent: str) -> type[RLParams]:
    """The params of the model type of this agent: `RLParams` with its config and the actions that it can give."""
    spec = agent_spec(agent)
    document = f"The params of the model type `{agent}`."
    fields: dict[str, Any] = {"agent": (spec.config, spec.config())}
    params = create_model(_class_name(spec), __base__=RLParams, __module__=__name__, __doc__=document, **fields)
    params.actions = spec.actions
    return params


def _class_name(spec: AgentSpec) -> str:
    return f"{spec.config.__name__.removesuffix('Config')}Params"


def __getattr__(name: str) -> type[RLParams]:
    """The params class of an agent, by the name of the agent (`ppo`, for the registry) or by its own (`PPOParams`)."""
    for agent, spec in AGENTS.items():
        if name in {agent, _class_name(spec)}:
            return params_class(agent)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
