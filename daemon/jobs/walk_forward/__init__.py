"""How each model type would have done, trained anew through the history."""
