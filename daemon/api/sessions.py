"""Sessions of browsers that have signed in with the token. They end with their time, by signing out, or with the token.

The home keeps a keyed hash of each session, so that a restart ends none and the file gives no access to its reader. The
key is the token: a new token knows none of the hashes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.publish import publishing
from config.secrets import Secret
from daemon.system.clock import Clock

logger = logging.getLogger(__name__)

LIFETIME = timedelta(days=7)
# The session that ends first makes place for one more.
MOST = 100


class Sessions:
    """The open sessions."""

    def __init__(self, file: Path, token: Secret, clock: Clock) -> None:
        self._file = file
        self._key = token.reveal().encode()
        self._clock = clock
        self._lock = threading.Lock()
        self._ends = _read(file)

    def open(self) -> str:
        """Open a session; returns what the browser is to show."""
        session = secrets.token_urlsafe(32)
        with self._lock:
            self._remove_ended()
            self._ends[self._hash(session)] = self._clock.now() + LIFETIME
            if len(self._ends) > MOST:
                del self._ends[min(self._ends, key=self._ends.__getitem__)]
            self._write()
        return session

    def is_open(self, session: str) -> bool:
        """Whether this session was opened and has not ended."""
        ends = self._ends.get(self._hash(session))
        return ends is not None and self._runs(ends)

    def close(self, session: str) -> None:
        """End a session; one that is not open stays so."""
        with self._lock:
            if self._ends.pop(self._hash(session), None) is not None:
                self._write()

    def _hash(self, session: str) -> str:
        return hmac.new(self._key, session.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def _runs(self, ends: datetime) -> bool:
        # One that was opened while the clock ran ahead must not last for years.
        return timedelta(0) < ends - self._clock.now() <= LIFETIME

    def _remove_ended(self) -> None:
        self._ends = {session: ends for session, ends in self._ends.items() if self._runs(ends)}

    def _write(self) -> None:
        """Where the disk takes nothing, sessions last until the next start, and those that were closed stay closed."""
        document = {session: ends.timestamp() for session, ends in self._ends.items()}
        try:
            with publishing(self._file) as temp:
                temp.chmod(0o600)
                temp.write_text(json.dumps(document), "utf-8")
        except OSError:
            logger.warning("The sessions cannot be stored; they end with the next start", exc_info=True)
            with suppress(OSError):
                self._file.unlink(missing_ok=True)


def _read(file: Path) -> dict[str, datetime]:
    """The stored sessions; none from a file that is missing or damaged: people sign in again."""
    try:
        document = json.loads(file.read_bytes())
        return {str(session): datetime.fromtimestamp(ends, UTC) for session, ends in document.items()}
    except (OSError, ValueError, TypeError, AttributeError, OverflowError):
        return {}
