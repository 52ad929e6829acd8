"""Where alerts go: one table of channels."""
