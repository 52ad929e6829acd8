"""Reinforcement learning: market episodes over the ledger, six agents, and how they are trained."""
