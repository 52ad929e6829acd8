"""The training loop of networks that learn targets from windows of features."""
