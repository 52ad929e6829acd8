"""Training of an agent: the loop, its config, its record, checkpoints and callbacks."""
