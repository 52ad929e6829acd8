"""What every training may use: early stopping and checkpoints of any model."""
