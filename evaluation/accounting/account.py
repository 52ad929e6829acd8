"""Account: the one accounting, what a target becomes in cash and shares, for backtests and training environments.

A target weight decided at the close of bar t is ordered once, when it differs from the target before it, and filled at
the open of t+1. The order is sized by the account's value at that open (shares valued there); slippage moves the price
of the fill against the account, commission is a rate on what was paid, but not less than a minimum an order, and the
shares are then held until the target changes again. After a fill the shares may not be worth more than the account has
left after costs, so nothing is bought on credit; an order that could not pay for itself is not made. An account worth
nothing at an open or a close is closed there and stays at zero.

Prices are adjusted for splits but not for dividends: a dividend is paid in cash on the shares held over its ex-date,
before the fill at the open of that bar, and taken from a short account. It changes no target, so it is not reinvested.
Cash may earn interest at each close, but for the proceeds of what is short, which a broker keeps; and what is short
costs its borrow.

`step` is one bar of that. It is pure, allocates nothing and costs some nanoseconds, so an environment of many symbols
and episodes at once is a `compiled` loop over arrays of cash, shares and targets: an `Account` is made of each, and
written back. `evaluation.accounting.ledger` is every bar of many strategies, with their books.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from numba import njit
from numba.core.dispatcher import Dispatcher

# A fraction of the account: an order worth less is only the rounding error of the last one, so it is not made.
DUST = 1e-12
# Prices are above zero and costs below one, so no divisor is zero, and none is checked.
_kernel = njit(cache=True, error_model="numpy")


def compiled(function: Callable[..., Any], inline: Literal["never", "always"] = "never") -> Any:
    """`njit` with its cache, for kernels that call those of other files, and are compiled with them inside.

    numba invalidates its cache when the kernel's own file changes, but not when the files of the kernels it calls do.
    So the hash of all these files becomes a part of the name under which the machine code is cached.
    """
    files: dict[str, bytes] = {}
    todo = [function]
    while todo:
        current = todo.pop()
        file = current.__code__.co_filename
        if file not in files:
            files[file] = Path(file).read_bytes()
            todo += [kernel.py_func for kernel in current.__globals__.values() if isinstance(kernel, Dispatcher)]
    content = hashlib.sha256(b"".join(files[file] for file in sorted(files))).hexdigest()
    function.__qualname__ += f"_{content[:8]}"
    return njit(cache=True, error_model="numpy", inline=inline)(function)


class Rates(NamedTuple):
    """Costs as the kernel takes them: `borrow` and `interest` are the rates of one bar, `minimum` is money."""

    commission: float
    slippage: float
    borrow: float
    minimum: float = 0.0
    interest: float = 0.0


class Account(NamedTuple):
    """Cash, shares (negative: sold short), and the target that was ordered last."""

    cash: float
    shares: float
    target: float


@_kernel
def worth(account: Account, price: float) -> float:
    """The value of the account at `price`."""
    return account.cash + account.shares * price


@_kernel
def commission(paid: float, rates: Rates) -> float:
    """The commission of an order worth `paid` (negative: sold)."""
    return max(abs(paid) * rates.commission, rates.minimum) if paid != 0.0 else 0.0


@_kernel
def _most(  # noqa: PLR0917 -- a kernel takes its arguments by position
    value: float, side: float, shares: float, price: float, slippage: float, commission: float
) -> float:
    """The most shares on `side` that an account of `value` can hold after the costs of buying them, without credit."""
    cost = side * ((1.0 + side * slippage) * (1.0 + side * commission) - 1.0)
    return max(value + side * shares * price * cost, 0.0) / ((1.0 + cost) * price)


@_kernel
def within(requested: float, power: float, shares: float, price: float, rates: Rates) -> float:
    """The `requested` shares, or fewer, so that they are worth no more than is left of `power` after costs."""
    if (requested - shares) * requested <= 0.0:
        return requested  # coming nearer to flat needs no buying power
    side = 1.0 if requested > 0.0 else -1.0
    limit = _most(power, side, shares, price, rates.slippage, rates.commission)
    if rates.minimum > 0.0:
        least = _most(power - rates.minimum, side, shares, price, rates.slippage, 0.0)
        limit = max(min(limit, least), side * shares)
    return side * min(side * requested, limit)


@_kernel
def affordable(target: float, value: float, shares: float, price: float, rates: Rates) -> float:
    """The shares of a `target` weight, or fewer, so that they are worth no more than the account after costs."""
    return within(target * value / price, value, shares, price, rates)


@_kernel
def fill_price(bought: float, price: float, rates: Rates) -> float:
    """The price of a share after slippage when `bought` of them (negative: sold) are filled at `price`."""
    return price * (1.0 + rates.slippage) if bought > 0.0 else price * (1.0 - rates.slippage)


@_kernel
def settle(cash: float, bought: float, price: float, rates: Rates) -> float:
    """The cash left after `bought` shares (negative: sold) at `price`."""
    paid = bought * fill_price(bought, price, rates)
    return cash - paid - commission(paid, rates)


@_kernel
def collect(account: Account, dividend: float) -> Account:
    """The account after `dividend` was paid on each share it held over the ex-date."""
    if dividend == 0.0:
        return account
    return Account(account.cash + account.shares * dividend, account.shares, account.target)


@_kernel
def order(account: Account, target: float, value: float, price: float, rates: Rates) -> Account:
    """The account, worth `value`, after a fill of `target` at `price`."""
    shares = affordable(target, value, account.shares, price, rates)
    bought = shares - account.shares
    if target != 0.0 and abs(bought) * price <= DUST * value:
        return Account(account.cash, account.shares, target)
    return Account(settle(account.cash, bought, price, rates), shares, target)


@_kernel
def fill(account: Account, target: float, price: float, rates: Rates) -> Account:
    """The account after the open at `price`, where a target that differs from the last one is ordered and filled."""
    value = worth(account, price)
    if value <= 0.0:
        return Account(0.0, 0.0, target)
    if target == account.target:
        return account
    return order(account, target, value, price, rates)


@_kernel
def earned(account: Account, price: float, rates: Rates) -> float:
    """The interest of one bar on what cash there is beyond the worth of what is short at `price`."""
    return rates.interest * max(min(account.cash, worth(account, price)), 0.0)


@_kernel
def mark(account: Account, price: float, rates: Rates) -> Account:
    """The account after the close at `price`, where cash earns its interest and what is short costs its borrow."""
    cash = account.cash
    if cash >= 0.0 and account.shares >= 0.0 and rates.interest == 0.0:
        return account  # it owes nothing and earns nothing
    cash += earned(account, price, rates) - rates.borrow * max(-account.shares, 0.0) * price
    if cash + account.shares * price <= 0.0:
        return Account(0.0, 0.0, account.target)
    return Account(cash, account.shares, account.target)


@_kernel
def step(  # noqa: PLR0917 -- a kernel takes its arguments by position
    account: Account, target: float, open_: float, close: float, rates: Rates, dividend: float = 0.0
) -> Account:
    """The account after one bar whose `target` was decided before its open, and that goes ex `dividend` a share."""
    return mark(fill(collect(account, dividend), target, open_, rates), close, rates)
