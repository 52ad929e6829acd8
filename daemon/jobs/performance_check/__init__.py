"""How champions do since they were trained."""
