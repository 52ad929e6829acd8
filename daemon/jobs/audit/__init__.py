"""How often the rules of this home would call a recipe without skill proven."""
