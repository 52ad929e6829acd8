from __future__ import annotations

from pathlib import Path

import pytest

from config.names import Scope
from config.paths import Home
from config.settings import Settings
from daemon.domain.targets import Target, targets
from trainers import registry
from trainers.needs import Needs

SETTINGS = Settings(symbols=("AAPL", "MSFT"), model_types=("of_traders", "ppo", "of_all", "behavioral_cloner"))


@pytest.fixture(autouse=True)
def _model_types_of_every_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    scopes: dict[str, Scope] = {"of_all": "universe", "of_traders": "trader"}
    for name, scope in scopes.items():
        entry = registry._Entry("For this test.", "none:None", "none:None", Needs(scope=scope))
        monkeypatch.setitem(registry._REGISTERED, name, entry)


def test_the_scope_of_a_model_type_decides_what_its_versions_speak_of(home: Home) -> None:
    settings = SETTINGS.model_copy(update={"traders": ("0x6031", "0x5a3e")})
    assert targets(settings, home) == (
        Target("AAPL", "ppo"),
        Target("AAPL", "behavioral_cloner"),
        Target("MSFT", "ppo"),
        Target("MSFT", "behavioral_cloner"),
        Target("universe", "of_all"),
        Target("trader:0x6031", "of_traders"),
        Target("trader:0x5a3e", "of_traders"),
    )


def test_traders_are_all_whose_logs_the_home_holds_unless_the_settings_name_some(home: Home) -> None:
    def traders() -> list[str]:
        return [target.subject for target in targets(SETTINGS, home) if target.model_type == "of_traders"]

    assert traders() == []
    for log in ("merged_trades/0x6031/a_prices.json", "merged_trades/0x5a3e/b_prices.json", "0xAB/c", "btc/d", "0x9"):
        path = home.trades / log
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert traders() == ["trader:0x5a3e", "trader:0x6031", "trader:0xAB"]


def test_a_target_is_called_as_in_reports_and_alerts() -> None:
    assert Target("trader:0x6031", "ppo").label == "trader:0x6031/ppo"


def test_the_registered_model_types_speak_of_symbols(tmp_path: Path) -> None:
    valid = Settings(symbols=("AAPL",), model_types=tuple(registry.names()[:2]))
    assert [target.subject for target in targets(valid, Home(tmp_path))] == ["AAPL", "AAPL"]
