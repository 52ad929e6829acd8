"""Portfolios: from the signals of several symbols to the weights of one account."""
