"""The page that asks for the token. It is a plain form, which needs no script."""

from __future__ import annotations

import html
import re
from pathlib import Path

from fastapi import Response

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
PAGE = Path(__file__).with_name("static") / "sign_in.html"
# A path of this server in visible ASCII; what begins with two slashes, or a backslash, is another server to a browser.
_OWN_PATH = re.compile(r"/(?!/)[!-\[\]-~]{0,2000}")
_RELOAD = '<meta http-equiv="refresh" content="0">'


class SignInPage:
    """The page to sign in, below the path under which a proxy serves the desk."""

    def __init__(self, root_path: str) -> None:
        self._root_path = root_path
        self._template = PAGE.read_text("utf-8")

    def response(
        self, status: int, *, message: str = "", kind: str = "warn", back_to: str = "/", reload: bool = False
    ) -> Response:
        """The page with a message, which goes on to `back_to`; `reload` lets it load itself once more at once."""
        values = {
            "root": self._root_path,
            "message": message,
            "kind": kind,
            "back_to": own_path(back_to),
        }
        page = self._template.replace("{{reload}}", _RELOAD if reload else "")
        for name, value in values.items():
            page = page.replace(f"{{{{{name}}}}}", html.escape(value))
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
        return Response(page, status, headers, media_type="text/html")

    def address(self, path: str) -> str:
        """Where the browser finds a path of the desk."""
        return self._root_path + own_path(path)


def own_path(path: str) -> str:
    """`path` if it is one of this server, else its first page; never a page that asks for the token."""
    is_own = _OWN_PATH.fullmatch(path) is not None
    return path if is_own and not path.startswith((SIGN_IN, SIGN_OUT)) else "/"
