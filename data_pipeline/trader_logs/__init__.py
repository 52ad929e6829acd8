"""Logs of traders on prediction markets: events, bars, states, labels, and the table to learn from."""
