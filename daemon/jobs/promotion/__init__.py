"""What a person decides to serve."""
