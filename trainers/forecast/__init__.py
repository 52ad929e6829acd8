"""Forecasts of returns by networks, and what they say about when to trade."""
