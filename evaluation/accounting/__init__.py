"""One accounting for every number: costs, the ledger that fills orders, and backtests over it."""
