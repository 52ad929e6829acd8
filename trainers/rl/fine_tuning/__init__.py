"""Reinforcement learning that begins with the weights of a policy which was trained otherwise."""
