"""Offline datasets of a policy: states, what was decided in each of them, and what the decision earned."""
