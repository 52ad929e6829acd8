"""Bars of one symbol, the calendar they follow, and the store that holds them."""
