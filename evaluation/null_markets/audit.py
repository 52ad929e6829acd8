"""The audit: how many homes without an edge call a recipe proven, and how many edges a home would prove."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from scipy.special import betaincinv

from config.settings import CostParams
from evaluation.null_markets.homes import NightRules, Pair, PairNights, nights_of_home
from evaluation.null_markets.planted import planted_market
from evaluation.null_markets.recipes import CoinToss, couples
from evaluation.null_markets.sizes import Sizes
from evaluation.null_markets.worlds import BARS_A_YEAR, WORLDS, World, null_market

FREE = CostParams(commission=0.0, slippage=0.0)
Task = TypeVar("Task")
Result = TypeVar("Result")
# The share of work that is done, and at what.
Progress = Callable[[float, str], None]
POWER_TRIPS = 12.0


@dataclass(frozen=True)
class AuditPlan:
    """What is simulated.

    Args:
        homes: how many in each world.
        seed: of everything random.
        sizes: the sizes that markets are made of.
        rules: what the nights of the homes go by.
        power_homes: how many for each cell of the power table, four times as many where they have one pair to look at;
            none leaves the table out.
        symbols: in each home, with two recipes each.
        years: of daily bars.
    """

    homes: int
    seed: int
    sizes: tuple[Sizes, ...]
    rules: NightRules
    power_homes: int
    symbols: int = 4
    years: int = 12


@dataclass(frozen=True)
class Share:
    """`count` of `among`, with the Clopper-Pearson interval at 95 %."""

    count: int
    among: int

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares the true one lies."""
        low = float(betaincinv(self.count, self.among - self.count + 1, 0.025)) if self.count else 0.0
        high = float(betaincinv(self.count + 1, self.among - self.count, 0.975)) if self.count < self.among else 1.0
        return low, high


@dataclass(frozen=True)
class WorldCount:
    """What the homes of a world have shown, for one of the costs.

    Args:
        proven: homes with a recipe that was proven on any night, `first_night` on the first, `refuted` with one that
            was refuted on any.
        by_recipe: pairs of a symbol and the recipe that were proven on any night.
    """

    world: World
    costs: str
    proven: Share
    first_night: Share
    refuted: Share
    by_recipe: Mapping[str, Share]


@dataclass(frozen=True)
class PowerCell:
    """Of `among` tried pairs all, or one, have an edge of this Sharpe ratio over so many years of record."""

    sharpe: float
    years: int
    all_have_edge: bool
    among: int

    def homes(self, homes: int) -> int:
        """More of those that have one pair to look at than of those that have eight."""
        return homes if self.all_have_edge else 4 * homes


POWER = tuple(
    PowerCell(sharpe, years, every, among)
    for every, among in ((True, 8), (False, 8), (False, 28))
    for sharpe in (0.5, 1.0, 2.0)
    for years in (2, 3, 5, 10)
)


@dataclass(frozen=True)
class AuditResult:
    """Everything counted."""

    worlds: tuple[WorldCount, ...]
    power: tuple[tuple[PowerCell, Share], ...]


def run_audit(plan: AuditPlan, executor: Executor | None = None, progress: Progress | None = None) -> AuditResult:
    """Simulate and count, in the processes of `executor` if there is one; the result is the same."""
    cells = [(number, home) for number, cell in enumerate(POWER) for home in range(cell.homes(plan.power_homes))]
    homes = [(number, home) for number in range(len(WORLDS)) for home in range(plan.homes)]
    done = _Progress(progress, len(homes) + len(cells))
    nights = list(done.of("null worlds", _mapped(executor, partial(null_home, plan), homes)))
    worlds = [
        count
        for number, world in enumerate(WORLDS)
        for count in _counts(world, nights[number * plan.homes : (number + 1) * plan.homes])
    ]
    proven = list(done.of("power", _mapped(executor, partial(power_home, plan), cells)))
    power = []
    for number, cell in enumerate(POWER):
        own = [each for (place, _), each in zip(cells, proven, strict=True) if place == number]
        power.append((cell, Share(sum(each.count for each in own), sum(each.among for each in own))))
    return AuditResult(tuple(worlds), tuple(power) if plan.power_homes else ())


HomeNights = Mapping[str, Mapping[Pair, PairNights]]


def null_home(plan: AuditPlan, task: tuple[int, int]) -> HomeNights:
    """The nights of one home of one world."""
    world, home = task
    random = np.random.default_rng([plan.seed, 1, world, home])
    rows = plan.years * BARS_A_YEAR
    markets = [null_market(f"NULL{n}", WORLDS[world], plan.sizes, rows, random) for n in range(plan.symbols)]
    kinds = couples(int(random.integers(2**31)))
    return nights_of_home(markets, kinds[home % len(kinds)], plan.rules)


def power_home(plan: AuditPlan, task: tuple[int, int]) -> Share:
    """How many of the pairs with an edge a home of one cell proves at the end of its record.

    Pairs without an edge count as tried and have no record any more, as retired ones do.
    """
    number, home = task
    cell = POWER[number]
    random = np.random.default_rng([plan.seed, 2, number, home])
    folds = plan.rules.folds.rules
    rows = folds.train + folds.purge + folds.embargo + cell.years * BARS_A_YEAR
    seed = int(random.integers(2**31))
    names = ("one coin", "other coin") if cell.all_have_edge else ("one coin",)
    coins = [CoinToss(POWER_TRIPS, seed, name) for name in names]
    costs = next(iter(plan.rules.costs.values()))
    markets = [
        planted_market(f"EDGE{n}", coins, plan.sizes, random, sharpe=cell.sharpe, rows=rows, costs=costs)
        for n in range(cell.among // 2 if cell.all_have_edge else 1)
    ]
    rules = NightRules(plan.rules.folds, plan.rules.promotion, {"costs": costs}, nights=1)
    nights = nights_of_home(markets, coins, rules, tried=cell.among)["costs"]
    return Share(sum(each.proven for each in nights.values()), len(nights))


def _counts(world: World, homes: Sequence[HomeNights]) -> Iterator[WorldCount]:
    for costs in homes[0] if homes else ():
        own = [home[costs] for home in homes]
        pairs = [(recipe, nights) for home in own for (_, recipe), nights in home.items()]
        yield WorldCount(
            world,
            costs,
            _homes(own, lambda nights: nights.proven > 0),
            _homes(own, lambda nights: nights.proven_first),
            _homes(own, lambda nights: nights.refuted > 0),
            {
                name: Share(sum(n.proven > 0 for r, n in pairs if r == name), sum(r == name for r, _ in pairs))
                for name in sorted({recipe for recipe, _ in pairs})
            },
        )


def _homes(homes: Sequence[Mapping[Pair, PairNights]], shows: Callable[[PairNights], bool]) -> Share:
    return Share(sum(any(map(shows, home.values())) for home in homes), len(homes))


def _mapped(executor: Executor | None, run: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
    return map(run, tasks) if executor is None else executor.map(run, tasks, chunksize=4)


class _Progress:
    """Reports after each home how much of the work is done."""

    def __init__(self, report: Progress | None, total: int) -> None:
        self._report = report
        self._total = total
        self._done = 0

    def of(self, what: str, results: Iterator[Result]) -> Iterator[Result]:
        """The same results, reported as they come."""
        for result in results:
            self._done += 1
            if self._report is not None:
                self._report(self._done / self._total, f"{what}: {self._done} of {self._total} homes")
            yield result
