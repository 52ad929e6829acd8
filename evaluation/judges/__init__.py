"""Judges by name: what decides whether a version earned its place, for each way of deciding it."""

from evaluation.judges.registry import get, names

__all__ = ["get", "names"]
