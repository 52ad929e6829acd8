"""Analysts: several views of one symbol, weighed into one decision a bar."""
