"""A real nginx in front of the desk, with the configuration that the documentation gives."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.servers.certificates import make_certificate

DOCUMENT = Path(__file__).parents[3] / "docs" / "proxy.md"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""


def documented_site(host: str) -> str:
    """The server block for `host` in the documentation."""
    blocks = re.findall(r"```nginx\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    (site,) = [block for block in blocks if f"server_name {host};" in block]
    return site


@contextmanager
def proxied(host: str, desk: str, folder: Path) -> Iterator[str]:
    """nginx for `host` before the desk at the address `desk`; yields the address that a browser asks."""
    if NGINX is None:
        pytest.skip("nginx is not installed (Debian: nginx-light)")
    certificate, port = make_certificate(folder, host), free_port()
    site = documented_site(host).replace("http://127.0.0.1:8642", desk)
    site = re.sub(r"listen \d+ ssl", f"listen 127.0.0.1:{port} ssl", site)
    site = re.sub(r"(ssl_certificate(?:_key)?\s+)[^;]+;", rf"\g<1>{certificate};", site)
    config = folder / "nginx.conf"
    config.write_text(MAIN.format(folder=folder, site=site), "utf-8")
    folder.chmod(0o755)
    process = subprocess.Popen(
        [NGINX, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(config)], stderr=subprocess.PIPE
    )
    try:
        _wait_for(port, process)
        yield f"https://{host}:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=10)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def client_of(address: str, caller: str = "127.0.0.1") -> Iterator[httpx.Client]:
    """A client that asks `address` on loopback, under its own name, from the address `caller`."""
    url = httpx.URL(address)
    transport = httpx.HTTPTransport(verify=False, local_address=caller)
    headers = {"Host": f"{url.host}:{url.port}"}
    with httpx.Client(transport=transport, base_url=f"https://127.0.0.1:{url.port}", headers=headers) as http:
        http.event_hooks["request"] = [lambda request: request.extensions.update(sni_hostname=url.host)]
        yield http


def _wait_for(port: int, process: subprocess.Popen[bytes], patience: float = 20.0) -> None:
    end = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < end, "nginx does not listen"
            time.sleep(0.05)
        else:
            return
