"""The 34 numbers that a policy decides from, and the portfolio among them."""
