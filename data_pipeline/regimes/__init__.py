"""Regimes of a market: a hidden Markov model of its returns, used through what it says of each bar at its close."""
