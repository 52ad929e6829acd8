"""Models that imitate a trader."""
