"""The ledger's convention once more, slowly and in other words, as an independent check of the kernel."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Reference:
    """A plain account that is given opens and closes one by one."""

    cash: float
    commission: float = 0.0
    slippage: float = 0.0
    borrow: float = 0.0
    minimum: float = 0.0
    interest: float = 0.0
    shares: float = 0.0
    equity: list[float] = field(default_factory=list)
    history: list[tuple[float, float]] = field(default_factory=list)
    interest_earned: float = 0.0

    def after_trade(self, bought: float, price: float) -> float:
        """The cash left if `bought` shares changed hands."""
        if bought == 0.0:
            return self.cash
        worth = bought * price * (1 + self.slippage if bought > 0.0 else 1 - self.slippage)
        by_rate = self.commission * (worth if bought > 0.0 else -worth)
        return self.cash - worth - max(self.minimum, by_rate)

    def within_means(self, shares: float, price: float) -> bool:
        equity = self.after_trade(shares - self.shares, price) + shares * price
        return shares == self.shares or abs(shares) * price <= equity

    def order(self, target: float, price: float) -> None:
        value = self.cash + self.shares * price
        new_shares = target * value / price
        reduces = new_shares == 0.0 or (self.shares / new_shares >= 1.0)
        if not reduces and not self.within_means(new_shares, price):
            # Halve the way between what is surely affordable and what is not.
            low = self.shares if self.shares * new_shares > 0.0 else 0.0
            high = new_shares
            for _ in range(200):
                middle = (low + high) / 2
                low, high = (middle, high) if self.within_means(middle, price) else (low, middle)
            new_shares = low
        if new_shares != 0.0 and abs(new_shares - self.shares) * price <= 1e-12 * value:
            return
        self.cash = self.after_trade(new_shares - self.shares, price)
        self.shares = new_shares

    def bust(self, price: float) -> bool:
        if self.cash + self.shares * price > 0.0:
            return False
        self.cash = self.shares = 0.0
        return True

    def run(
        self, opens: list[float], closes: list[float], targets: list[float], dividends: list[float] | None = None
    ) -> Reference:
        targets_in_force = [0.0, 0.0, *targets]
        for bar, (open_, close) in enumerate(zip(opens, closes, strict=True)):
            if dividends is not None:
                self.cash += dividends[bar] * self.shares
            previous, decided = targets_in_force[bar], targets_in_force[bar + 1]
            if not self.bust(open_) and decided != previous:
                self.order(decided, open_)
            free = self.cash - abs(self.shares) * close if self.shares < 0.0 else self.cash
            if free > 0.0:
                self.interest_earned += self.interest * free
                self.cash += self.interest * free
            if self.shares < 0.0:
                self.cash -= self.borrow * -self.shares * close
            self.bust(close)
            self.history.append((self.cash, self.shares))
            self.equity.append(self.cash + self.shares * close)
        return self
