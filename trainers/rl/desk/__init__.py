"""The desk's model types of reinforcement learning, over agents, training and serving."""
