"""A real Chromium that a test drives: it opens addresses, presses what a person presses, and takes pictures.

It is spoken to by the DevTools protocol over two pipes, a JSON object and a null byte for each message.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--lang=en-GB",
)
# Patience, not expectation: a machine with other work on it is slow.
PATIENCE = 60.0


class Browser:
    """One tab of a browser."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = os.fdopen(commands, "wb", buffering=0)
        self._answers = os.fdopen(answers, "rb")
        self._number = 0
        self._session: str | None = None
        self.complaints: list[str] = []
        self._loaded: set[str] = set()  # the loaders of all documents that have been loaded
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.command(f"{domain}.enable")
        self.command("Page.setLifecycleEventsEnabled", enabled=True)

    def command(self, method: str, **parameters: Any) -> Any:
        """The answer to a command of the protocol."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            self._note(answer)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def open(self, address: str) -> None:
        """Open an address as a person who types it, and wait until it is loaded."""
        navigation = self.command("Page.navigate", url=address)
        assert "errorText" not in navigation, (address, navigation["errorText"])
        end = time.monotonic() + PATIENCE
        while navigation["loaderId"] not in self._loaded:  # until then the page before it may still be there
            assert time.monotonic() < end, f"not loaded: {address}; {self.text()[:500]}"
            time.sleep(0.02)
            self.command("Page.getFrameTree")  # events come with its answer
        self.wait_for("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression on the page."""
        result = self.command(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def press(self, selector: str) -> None:
        """Press what `selector` names, as soon as it is there."""
        named = f"document.querySelector({json.dumps(selector)})"
        self.wait_for(named)
        self.run(f"{named}.click()")

    def wait_for(self, script: str) -> None:
        """Wait until an expression is true, also across pages."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                if self.run(f"Boolean({script})"):
                    return
            except AssertionError:  # between two pages
                pass
            assert time.monotonic() < end, f"not true: {script}; {self.text()[:500]}"
            time.sleep(0.05)

    def text(self) -> str:
        """The words on the page."""
        return str(self.run("document.body ? document.body.innerText : ''"))

    @property
    def address(self) -> str:
        """Where it is."""
        return str(self.run("location.href"))

    def cookies(self) -> list[dict[str, Any]]:
        """The cookies of the page, also those that no script reads."""
        cookies: list[dict[str, Any]] = self.command("Network.getCookies")["cookies"]
        return cookies

    def picture(self, file: Path) -> None:
        """A picture of the page as PNG."""
        file.write_bytes(base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        """Close the pipes; the browser ends with them."""
        self._commands.close()
        self._answers.close()

    def _read(self) -> dict[str, Any]:
        message = b""
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "the browser has ended"
            message += byte
        parsed: dict[str, Any] = json.loads(message)
        return parsed

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Page.lifecycleEvent" and event["params"]["name"] == "load":
            self._loaded.add(event["params"]["loaderId"])
        elif event.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
            self.complaints.append(json.dumps(event["params"]))


@contextmanager
def browsing(profile: Path, *flags: str) -> Iterator[Browser]:
    """A browser with a profile of its own."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    command_reader, commands = os.pipe()
    answers, answer_writer = os.pipe()
    # The browser reads commands from its descriptor 3 and writes answers to 4.
    redirect = f'exec "$@" 3<&{command_reader} 4>&{answer_writer}'
    words = [CHROMIUM, *FLAGS, *flags, f"--user-data-dir={profile}", "--remote-debugging-pipe"]
    process = subprocess.Popen(
        ["bash", "-c", redirect, "bash", *words],
        pass_fds=(command_reader, answer_writer),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(command_reader)
    os.close(answer_writer)
    browser = None
    try:
        browser = Browser(commands, answers)
        yield browser
    finally:
        process.terminate()
        if browser is not None:
            browser.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
