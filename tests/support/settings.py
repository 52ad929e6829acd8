"""Settings of a config document that a test writes as keyword arguments."""

from __future__ import annotations

import json
from typing import Any

from config import Settings
from config.loader import parse_settings


def settings(**sections: Any) -> Settings:
    """The settings of a config document with these sections."""
    return parse_settings("desk.json", json.dumps(sections))
