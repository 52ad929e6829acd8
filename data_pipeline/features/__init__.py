"""Features of bars by name, the functions they are made of, and scalers."""
