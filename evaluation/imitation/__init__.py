"""Imitation: how well the decisions of a trader are copied, market by market, on markets that came later."""
