"""Whether a model used more than could be known: look-ahead, and what it was fitted on."""
