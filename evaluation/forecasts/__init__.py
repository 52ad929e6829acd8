"""Forecasts of returns: how far they miss, beside forecasts that learn nothing or little."""
