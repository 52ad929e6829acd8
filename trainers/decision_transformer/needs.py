"""What the Decision Transformer needs; light."""

from __future__ import annotations

from trainers.needs import Needs

NEEDS = Needs(scope="trader", data=frozenset({"bars", "trader_log"}), min_bars=20, costly=True)
