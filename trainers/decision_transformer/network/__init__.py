"""The network, its file, the batches that it reads, and its use for a target return."""
