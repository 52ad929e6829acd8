"""Notifications to the service manager (sd_notify); nothing is sent where there is none."""

from __future__ import annotations

import contextlib
import os
import socket
import time


class Notifier:
    """A client of systemd's notification protocol, without its library.

    See sd_notify(3): lines `NAME=value` in one datagram to the Unix socket named by NOTIFY_SOCKET.
    """

    def __init__(self) -> None:
        name = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._status = ""

    @property
    def listening(self) -> bool:
        """Whether there is a service manager to speak to."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """The service is up."""
        self._status = status
        self._send("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """How the service is, as `systemctl status` shows it; sent only when it has changed."""
        if status != self._status:
            self._status = status
            self._send(f"STATUS={status}")

    def reloading(self) -> None:
        """The settings are being reloaded; `reloaded` comes next."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def reloaded(self) -> None:
        """The settings have been read; the status stays what it was."""
        self._send("READY=1")

    def stopping(self) -> None:
        """The service goes down."""
        self._send("STOPPING=1", "STATUS=Stopping")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def watchdog_interval(self) -> float | None:
        """Seconds within which the watchdog wants to be fed; None when it does not watch this process."""
        microseconds, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
        if not microseconds.isdecimal() or int(microseconds) == 0 or pid not in ("", str(os.getpid())):
            return None
        return int(microseconds) / 1e6

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        text = "\n".join(line.replace("\n", " ") for line in lines)
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            # A service manager that does not listen must neither stop the desk nor hold it up.
            out.setblocking(False)
            out.sendto(text.encode(), self._address)
