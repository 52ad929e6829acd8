"""Pulling bars: fetched, through the gates, reconciled with what is stored, stored."""
