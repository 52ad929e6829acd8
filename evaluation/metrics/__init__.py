"""Metrics of an account as pure functions of arrays, gathered into one summary, and sliced by year and regime."""
