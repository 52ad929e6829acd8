"""Networks of a policy, their file, and how they decide without torch."""
