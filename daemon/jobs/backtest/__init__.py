"""backtest: what a strategy would have decided and earned, on request."""
