"""The trading environment, single and vectorised, over the one accounting."""
