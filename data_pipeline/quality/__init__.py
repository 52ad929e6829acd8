"""Quality of bars: gates that refuse rows, the quarantine for them, and the health index."""
