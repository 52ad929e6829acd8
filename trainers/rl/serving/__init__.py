"""Policies that serve: compiled, and rolled out over bars without torch."""
