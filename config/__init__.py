"""Settings of a desk, the names of its files, and the errors that report a wrong setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.lazy import lazy_exports

if TYPE_CHECKING:
    from config.errors import ConfigError as ConfigError
    from config.errors import NightdeskError as NightdeskError
    from config.errors import UsageError as UsageError
    from config.loader import load_settings as load_settings
    from config.paths import Home as Home
    from config.settings import Settings as Settings
else:
    __getattr__, __dir__ = lazy_exports(__name__, __file__)
