"""New challengers for every subject whose data has come."""
