"""Agents: their configs, algorithms, files and checkpoints."""
