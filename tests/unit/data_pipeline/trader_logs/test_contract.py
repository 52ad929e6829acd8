"""When markets open and close, by their slugs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from data_pipeline.trader_logs.contract import Contract, bar_seconds, contract_of, nominal


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("slug", "opens", "seconds"),
    [
        ("btc-updown-15m-1768904100", 1_768_904_100_000, 900),
        ("eth-updown-4h-1768896000", 1_768_896_000_000, 14_400),
        ("ethereum-up-or-down-january-1-10pm-et", ms(2026, 1, 2, 3), 3600),
        ("bitcoin-up-or-down-january-17-12am-et", ms(2026, 1, 17, 5), 3600),
        ("bitcoin-up-or-down-january-17-12pm-et", ms(2026, 1, 17, 17), 3600),
        ("bitcoin-up-or-down-july-4-2025-9am-et", ms(2025, 7, 4, 13), 3600),
    ],
)
def test_a_contract_is_read_from_its_slug(slug: str, opens: int, seconds: int) -> None:
    contract = contract_of(slug, opens + 60_000)
    assert contract is not None
    assert (contract.opens, contract.seconds) == (opens, seconds)


@pytest.mark.parametrize(("year", "near"), [(2025, ms(2025, 12, 31)), (2026, ms(2026, 1, 1))])
def test_a_slug_without_a_year_means_that_of_its_events(year: int, near: int) -> None:
    contract = contract_of("ethereum-up-or-down-december-31-2pm-et", near)
    assert contract == Contract(ms(2025, 12, 31, 19), ms(2025, 12, 31, 20))


@pytest.mark.parametrize(
    "slug",
    [
        "will-it-rain", "", "btc-updown-15m-", "btc-updown-0m-1768904100", "btc-updown-15y-1768904100",
        "ethereum-up-or-down-smarch-1-10pm-et", "ethereum-up-or-down-february-30-10pm-et",
        "ethereum-up-or-down-january-1-13pm-et", "ethereum-up-or-down-january-1-0am-et",
    ],
)  # fmt: skip
def test_a_slug_that_says_no_time_is_no_contract(slug: str) -> None:
    assert contract_of(slug, ms(2026, 1, 15)) is None


@pytest.mark.parametrize("slug", ["btc-updown-15m-9999999999", "btc-updown-99d-1768904100", "x-updown-15m-100000000"])
def test_a_contract_that_cannot_be_that_of_its_events_is_none(slug: str) -> None:
    """It would make bars of years."""
    assert contract_of(slug, 1_768_904_100_000) is None


def test_bars_are_as_short_as_lets_the_commonest_contract_fit_into_a_context() -> None:
    def seconds(*slugs: str) -> int:
        return bar_seconds(contract for slug in slugs if (contract := nominal(slug)) is not None)

    hour, quarter = "ethereum-up-or-down-january-1-10pm-et", "btc-updown-15m-1768904100"
    assert seconds(hour) == 30
    assert seconds(quarter, hour, quarter) == 10
    assert seconds("eth-updown-1d-1768896000") == 900
    assert seconds("will-it-rain") == seconds() == seconds("btc-updown-99d-1768904100") == 15
