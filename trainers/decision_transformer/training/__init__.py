"""How the network is fitted: losses, epochs, checkpoints."""
