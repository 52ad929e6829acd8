"""Labels that look ahead, their weights, and the splits that keep them apart."""
