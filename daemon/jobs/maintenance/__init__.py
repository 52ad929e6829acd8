"""A home that stays small and sound."""
