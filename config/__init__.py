"""Settings: what the owner of a desk may choose, where its files lie, and how a wrong choice is told."""

from config.errors import ConfigError, NightdeskError, UsageError
from config.loader import load_settings
from config.paths import Home
from config.settings import Settings

__all__ = ["ConfigError", "Home", "NightdeskError", "Settings", "UsageError", "load_settings"]
