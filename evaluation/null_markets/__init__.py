"""Null markets: made-up homes without an edge, and with one, to measure how often a standing is wrong."""
