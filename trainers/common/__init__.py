"""Early stopping and checkpoints for any model."""
