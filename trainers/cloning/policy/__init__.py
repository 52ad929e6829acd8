"""The policy cloner: networks that learn a teacher's decisions from the 34 numbers of a state."""
