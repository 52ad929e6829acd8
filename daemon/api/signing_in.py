"""The two addresses that the forms of the page send to: sign in with the token, and sign out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response

from config.errors import NightdeskError
from daemon.api import problems
from daemon.api.access import COOKIE, Access
from daemon.api.callers import is_https
from daemon.api.sessions import LIFETIME
from daemon.dashboard.sign_in import SIGN_IN, SIGN_OUT, SignInPage

MAX_FIELDS = 10


def signing_in(access: Access, root_path: str) -> APIRouter:
    """Sign in and out with plain forms."""
    routes = APIRouter(include_in_schema=False)
    page = SignInPage(root_path)

    @routes.get(SIGN_IN)
    async def form() -> Response:
        return page.response(200)

    @routes.post(SIGN_IN)
    async def sign_in(request: Request) -> Response:
        fields = _fields(await request.body())
        back_to = fields.get("back_to", "/")
        try:
            # In a thread of its own, for the session is written to the disk.
            session = await asyncio.to_thread(access.sign_in, fields.get("token", ""), request.scope, request.headers)
        except NightdeskError as error:
            sentence = f"{error.message} {error.cure}" if error.code != "request.token" else error.message
            return page.response(problems.status_of(error), message=sentence, kind="bad", back_to=back_to)
        answer = _see_other(page.address(back_to))
        _set_cookie(answer, request, root_path, session, LIFETIME)
        return answer

    @routes.post(SIGN_OUT)
    async def sign_out(request: Request) -> Response:
        await asyncio.to_thread(access.sign_out, request.headers)
        answer = page.response(200, message="You have signed out.", kind="good")
        _set_cookie(answer, request, root_path, "", timedelta(0))
        return answer

    return routes


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a form, the last of each name; none of one that cannot be read."""
    try:
        parsed = parse_qs(body.decode("utf-8"), max_num_fields=MAX_FIELDS)
    except ValueError:
        return {}
    return {name: values[-1].strip() for name, values in parsed.items()}


def _set_cookie(answer: Response, request: Request, root_path: str, session: str, lifetime: timedelta) -> None:
    answer.set_cookie(
        COOKIE,
        session,
        max_age=int(lifetime.total_seconds()),
        path=root_path or "/",
        secure=is_https(request.headers),
        httponly=True,
        samesite="strict",
    )


def _see_other(address: str) -> Response:
    return Response(status_code=303, headers={"Location": address})
