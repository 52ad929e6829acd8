"""Copies that are read back, and the proof that they can be used."""
