"""How a policy is trained from a dataset of decisions: losses, samples, epochs, the trainer."""
