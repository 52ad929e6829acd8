"""Records of recipes: what each would have earned, and did, on bars that its models had not seen."""
