"""Measures of a copy as pure functions: accuracy, intervals over markets, tests by market, replication, and delay."""
