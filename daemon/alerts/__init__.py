"""Alerts: each problem is notified once, and delivered even when its channel was down for hours."""
