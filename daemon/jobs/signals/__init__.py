"""The latest signals of every champion."""
