"""Flags that params classes declare beside their fields."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field

from config.errors import UsageError
from config.section import Section
from trainers import registry
from trainers.flags import Flag, flags_of, nested


class Net(Section):
    width: Annotated[int, Field(ge=1), Flag("--hidden-dim", help="units")] = 64


class Params(Section):
    net: Net = Net()
    dataset: Annotated[str | None, Flag("--dataset", "--data_dir", help="a file")] = None
    rate: Annotated[float, Flag("--lr", help="learning rate")] = 1e-3
    deep: Annotated[bool, Flag("--deep", help="more layers")] = False
    kind: Annotated[Literal["a", "b"], Flag("--kind", help="a or b")] = "a"
    secret: int = 3


def test_flags_have_the_place_of_their_field_and_every_spelling() -> None:
    flags = flags_of(Params)
    assert {name: flag.path for name, flag in flags.items()} == {
        "--hidden-dim": ("net", "width"),
        "--dataset": ("dataset",),
        "--data-dir": ("dataset",),
        "--lr": ("rate",),
        "--deep": ("deep",),
        "--kind": ("kind",),
    }
    assert flags["--hidden-dim"].default == 64
    assert [name for name, flag in flags.items() if flag.is_switch] == ["--deep"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("--hidden-dim", "32", 32),
        ("--dataset", "trades.npz", "trades.npz"),
        ("--lr", "1e-4", 1e-4),
        ("--deep", "true", True),
        ("--deep", "no", False),
        ("--kind", "b", "b"),
    ],
)
def test_a_text_becomes_a_value_of_the_fields_type(name: str, text: str, value: object) -> None:
    validated = flags_of(Params)[name].value(text)
    assert (validated, type(validated)) == (value, type(value))


@pytest.mark.parametrize(("name", "text"), [("--hidden-dim", "3.5"), ("--lr", "fast"), ("--kind", "c")])
def test_a_text_that_is_no_value_is_refused_with_the_flag_and_the_text(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"'{text}' cannot be used for {name}") as refused:
        flags_of(Params)[name].value(text)
    assert refused.value.cure


def test_a_name_that_two_fields_declare_is_refused() -> None:
    class Twice(Params):
        other: Annotated[int, Flag("--lr", help="again")] = 1

    with pytest.raises(ValueError, match="Twice declares --lr"):
        flags_of(Twice)


def test_values_by_place_become_a_document_of_sections() -> None:
    values = {("agent", "hidden_dim"): 32, ("agent", "gamma"): 0.9, ("seeds",): 2}
    assert nested(values) == {"agent": {"hidden_dim": 32, "gamma": 0.9}, "seeds": 2}


@pytest.mark.parametrize("name", registry.names())
def test_every_model_type_declares_flags_whose_defaults_its_params_take(name: str) -> None:
    flags = registry.flags(name)
    for flag in flags.values():
        assert flag.flag.help
        validated = registry.validate_params(name, nested({flag.path: flag.value(str(flag.default))}))
        assert validated == registry.validate_params(name, {})


@pytest.mark.parametrize("name", ["ppo", "dqn", "sac", "td3", "ddpg"])
def test_agents_take_the_flags_that_documents_name(name: str) -> None:
    assert {"--hidden-dim", "--lr", "--batch-size"} <= registry.flags(name).keys()
    assert registry.flags(name)["--hidden-dim"].path == ("agent", "hidden_dim")
