"""Strategy files: which analysts speak, with what weight, in YAML (`config/strategies/*.yaml`)."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from config import strategies as packaged
from config.errors import ConfigError
from config.section import Section

Weight = Annotated[float, Field(ge=0.0)]


class AnalystWeights(Section):
    """How much each analyst counts; one with weight 0 is not asked."""

    tech: Weight = 1.0
    news: Weight = 1.0
    risk: Weight = 1.0
    rl: Weight = 1.0

    @model_validator(mode="after")
    def _somebody_speaks(self) -> Self:
        if not any(self.model_dump().values()):
            raise ValueError("all weights are 0: nobody would decide anything")
        return self


class RlPolicy(Section):
    """The policy whose votes the fourth analyst gives."""

    enabled: bool = False
    model_path: str = ""
    device: Literal["cpu", "cuda", "auto"] = "cpu"

    @model_validator(mode="after")
    def _has_a_file(self) -> Self:
        if self.enabled and not self.model_path:
            raise ValueError("enabled without a model_path")
        return self


class EnsembleSettings(Section):
    """The ensemble of a strategy."""

    enabled: bool = True
    analyst_weights: AnalystWeights = AnalystWeights()
    rl_policy: RlPolicy = RlPolicy()


class Strategy(Section):
    """The content of a strategy file."""

    ensemble: EnsembleSettings = EnsembleSettings()


def load_strategy(place: str | Path) -> Strategy:
    """The strategy in a file, or one of the packaged strategies by its name, such as `baseline_v1`."""
    path = _file(place)
    try:
        document = yaml.load(path.read_bytes(), _Loader)  # noqa: S506 -- a SafeLoader that refuses repeated keys
    except OSError as error:
        raise ConfigError(
            "strategy.missing",
            f"The strategy file {place} cannot be read: {error.strerror}.",
            f"Name a YAML file, or one of the packaged strategies: {', '.join(strategy_names())}.",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(
            "strategy.malformed",
            f"The strategy file {path.name} is no YAML: {' '.join(str(error).split())}.",
            "Mend it there; a packaged strategy file shows the form.",
        ) from error
    return _validated(path.name, document)


def strategy_names() -> list[str]:
    """The packaged strategies."""
    return sorted(path.stem for path in _packaged().glob("*.yaml"))


def _file(place: str | Path) -> Path:
    named = _packaged() / f"{place}.yaml"
    return named if str(place) in strategy_names() else Path(place)


def _packaged() -> Path:
    return Path(next(iter(packaged.__path__)))


def _validated(name: str, document: Any) -> Strategy:
    if not isinstance(document, dict):
        raise ConfigError(
            "strategy.invalid",
            f"The strategy file {name} holds {'nothing' if document is None else type(document).__name__}, no mapping.",
            "Begin it with `ensemble:`.",
        )
    try:
        return Strategy.model_validate(document)
    except ValidationError as error:
        mistake = error.errors(include_url=False)[0]
        where = ".".join(map(str, mistake["loc"])) or "its top"
        problem = "is not a known key" if mistake["type"] == "extra_forbidden" else mistake["msg"]
        raise ConfigError(
            "strategy.invalid",
            f"The strategy file {name} cannot be used: {where}: {problem.removeprefix('Value error, ')}.",
            f"Known analysts are {', '.join(AnalystWeights.model_fields)}; weights are numbers from 0 on; "
            f"rl_policy has {', '.join(RlPolicy.model_fields)}.",
        ) from error


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """A safe loader for which a repeated key is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping, if no key stands there twice."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands there twice", node.value[place][0].start_mark
                )
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping
