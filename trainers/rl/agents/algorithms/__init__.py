"""stable-baselines3's six algorithms as the agents use them; networks are made in `networks.py` alone."""
