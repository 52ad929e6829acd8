"""Alerts: what is worth waking a person for, said once, and delivered even when its sink was down for hours."""
