"""Query parameters: one that an address does not have, or that is given twice, is an error, not silence."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute


def _check(request: Request) -> None:
    route: APIRoute = request.scope["route"]
    names = sorted(field.alias for field in route.dependant.query_params)
    takes = f"takes {', '.join(names)}" if names else "takes no parameters"
    given = [name for name, _ in request.query_params.multi_items()]
    faults = [_fault(name, f"unknown; this address {takes}") for name in given if name not in names]
    faults += [_fault(name, "given more than once") for name in names if given.count(name) > 1]
    if faults:
        raise RequestValidationError(faults)


def _fault(name: str, message: str) -> dict[str, Any]:
    return {"loc": ("query", name[:50]), "msg": message, "type": "query"}


KNOWN_PARAMETERS = Depends(_check)
