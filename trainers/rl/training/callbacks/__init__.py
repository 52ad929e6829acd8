"""Callbacks of a training, and the protocol they implement."""
