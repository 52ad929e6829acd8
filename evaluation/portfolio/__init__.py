"""Portfolios: several symbols in one account, its limits, and its backtest."""
