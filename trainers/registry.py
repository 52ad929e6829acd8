"""The registry of model types. Importing it is cheap; a model type is imported on first use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from config.errors import ConfigError, UsageError
from config.section import Section
from config.settings import Settings
from trainers.decision_transformer.needs import NEEDS as TRADER_NEEDS
from trainers.flags import STEPS_FLAG, ParamFlag, flags_of, nested
from trainers.needs import Needs
from trainers.rl.agents.specs import AGENTS, NEEDS

if TYPE_CHECKING:
    from trainers.interface import ModelType

_CLONER = Needs(data=frozenset({"bars", "expert_log"}), min_bars=100)
_FORECAST = Needs(min_bars=250, costly=True)


@dataclass(frozen=True)
class _Entry:
    """A registered model type.

    `revision` is raised by hand when the same recipe on the same data would give other decisions than before, be it by
    its training, its features or its states: stored folds of an older revision are then computed anew.
    """

    description: str
    params: str  # module:class, light enough for the process that reads the config
    model_type: str  # module:class
    needs: Needs
    revision: int = 1
    dataset_trainer: str | None = None  # module:function, for those that also learn from a file of decisions


_REGISTERED = {
    "analyst_ensemble": _Entry(
        "Technical, news and risk analysts and a policy that learned from them, weighed into one decision.",
        "trainers.analysts.params:AnalystEnsembleParams",
        "trainers.analysts.model_type:AnalystEnsembleType",
        Needs(optional=frozenset({"headlines"}), members=("policy_cloner",), min_bars=250),
        revision=2,  # the newest fold, loaded without its policy, decided without it
    ),
    "behavioral_cloner": _Entry(
        "A random forest that learns an expert's buy, hold and sell decisions from a trade log.",
        "trainers.cloning.behavioral.config:BehavioralClonerParams",
        "trainers.cloning.behavioral.model_type:BehavioralClonerType",
        _CLONER,
    ),
    "cnn": _Entry(
        "Dilated convolutions over the chart that forecast returns, and trade where more is expected than it costs.",
        "trainers.forecast.params:CnnParams",
        "trainers.forecast.model_type:CnnType",
        _FORECAST,
    ),
    "decision_transformer": _Entry(
        "A Decision Transformer that learns a trader's actions from its logs, given the return still to come.",
        "trainers.decision_transformer.params:DecisionTransformerParams",
        "trainers.decision_transformer.desk.model_type:DecisionTransformerType",
        TRADER_NEEDS,
    ),
    "ensemble_predictor": _Entry(
        "Several networks whose forecasts of returns are one: stacked, averaged by their errors, or all alike.",
        "trainers.forecast.params:EnsembleParams",
        "trainers.forecast.ensemble:EnsemblePredictorType",
        Needs(members=("lstm", "transformer", "cnn"), min_bars=250, costly=True),
    ),
    "lstm": _Entry(
        "Long short-term memory that forecasts returns, and trades where more is expected than it costs.",
        "trainers.forecast.params:LstmParams",
        "trainers.forecast.model_type:LstmType",
        _FORECAST,
    ),
    "policy_cloner": _Entry(
        "A network that learns a teacher's decisions, recorded ones or those of analysts, from the state of a market.",
        "trainers.cloning.policy.config:PolicyClonerParams",
        "trainers.policy_cloner.model_type:PolicyClonerType",
        Needs(optional=frozenset({"decisions", "headlines"}), min_bars=200),
        dataset_trainer="trainers.cloning.policy.training.trainer:train_on_dataset",
    ),
    "portfolio": _Entry(
        "One account divided between all symbols by their risk and by the signals of the other model types.",
        "trainers.portfolio.params:PortfolioParams",
        "trainers.portfolio.model_type:PortfolioType",
        Needs(scope="universe", optional=frozenset({"signals"}), min_bars=121),
    ),
    "transformer": _Entry(
        "Self-attention over the last bars that forecasts returns, and trades where more is expected than it costs.",
        "trainers.forecast.params:TransformerParams",
        "trainers.forecast.model_type:TransformerType",
        _FORECAST,
    ),
    **{
        name: _Entry(spec.description, f"trainers.rl.desk.params:{name}", f"trainers.rl.desk.model_type:{name}", NEEDS)
        for name, spec in AGENTS.items()
    },
}


def names() -> list[str]:
    """The registered model types, in alphabetical order."""
    return sorted(_REGISTERED)


def describe() -> dict[str, str]:
    """A sentence on each registered model type."""
    return {name: _REGISTERED[name].description for name in names()}


def needs(name: str) -> Needs:
    """What the model type called `name` needs; imports nothing heavy."""
    return _entry(name).needs


def revision(name: str) -> int:
    """The number of the code that makes a model of a recipe; imports nothing heavy."""
    return _entry(name).revision


def get(name: str) -> ModelType:
    """The model type called `name`."""
    return cast("ModelType", _imported(_entry(name).model_type)())


def dataset_trainer(name: str) -> Callable[..., dict[str, Any]]:
    """The function that trains model type `name` on a file of decisions: params, dataset, output, device, stream."""
    where = _entry(name).dataset_trainer
    if where is None:
        able = ", ".join(each for each, entry in sorted(_REGISTERED.items()) if entry.dataset_trainer)
        raise UsageError(
            "train.dataset", f"{name} does not learn from a dataset of decisions.", f"Model types that do: {able}."
        )
    return cast("Callable[..., dict[str, Any]]", _imported(where))


def validate_params(name: str, values: dict[str, Any], settings: Settings | None = None) -> Section:
    """The params of model type `name`: `values` over its defaults. Imports nothing heavy.

    A value of `settings` for a param, such as costs, takes precedence over its default, but not over `values`.
    """
    params = _params(name)
    try:
        return params.model_validate(values, context=settings)
    except ValidationError as error:
        mistakes = [
            f"{'.'.join(map(str, detail['loc'])) or name}: {detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors(include_url=False)
        ]
        raise ConfigError(
            "model_type.params",
            f"The params of {name} are wrong: {'; '.join(mistakes)}.",
            _correction(f"model_params.{name}", params, error.errors()[0]["loc"]),
            mistakes=mistakes,
        ) from error


def member_params(name: str, params: Section) -> dict[str, Section]:
    """The params of each member of model type `name`: those that stand in `params` by its name, or its defaults."""
    return {member: getattr(params, member, _params(member)()) for member in needs(name).members}


def params_of(name: str) -> type[Section]:
    """The class of the params of model type `name`; imports nothing heavy."""
    return _params(name)


def flags(name: str) -> dict[str, ParamFlag]:
    """The command-line flags that the params of model type `name` declare, by each spelling. Imports nothing heavy."""
    return flags_of(_params(name))


def steps_params(name: str, steps: int) -> dict[str, Any]:
    """The params that make model type `name` train for so many steps; none if it counts no steps."""
    flag = flags(name).get(STEPS_FLAG)
    return nested({flag.path: steps}) if flag else {}


def _params(name: str) -> type[Section]:
    return cast("type[Section]", _imported(_entry(name).params))


def _correction(place: str, section: type[Section], mistake: tuple[int | str, ...]) -> str:
    """Where to correct a mistake, and which params exist there."""
    for part in mistake[:-1]:
        field = section.model_fields.get(str(part))
        inner = field.annotation if field is not None else None
        if not (isinstance(inner, type) and issubclass(inner, Section)):
            break
        place, section = f"{place}.{part}", inner
    return f"Correct {place}; known params: {', '.join(sorted(section.model_fields))}."


def _entry(name: str) -> _Entry:
    if name not in _REGISTERED:
        raise UsageError(
            "model_type.unknown",
            f"There is no model type {name!r}.",
            f"Use one of the registered model types: {', '.join(names())}.",
            registered=names(),
        )
    return _REGISTERED[name]


def _imported(where: str) -> Any:
    module, _, attribute = where.partition(":")
    return getattr(import_module(module), attribute)
