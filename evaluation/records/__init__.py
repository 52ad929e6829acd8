"""Records: what a recipe earned on bars that its models had not seen, and what that is evidence of."""
