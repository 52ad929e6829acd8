"""Every error over HTTP is a problem document (RFC 9457): what is wrong and the cure, never a traceback or a path."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from config.errors import ConfigError, NightdeskError, UsageError
from daemon.domain.exhaustion import EXHAUSTED

MEDIA_TYPE = "application/problem+json"

# What an error code means over HTTP. A code that is not here is our own fault: 500, and its words stay in the log.
STATUS: dict[str, int] = {
    "request.malformed": 400,
    "request.host": 400,
    "request.token": 401,
    "request.cross_site": 403,
    "route.unknown": 404,
    "job.unknown": 404,
    "channel.unknown": 404,
    "alert.unknown": 404,
    "run.unknown": 404,
    "version.unknown": 404,
    "dataset.unknown": 404,
    "picture.unknown": 404,
    "signals.unknown": 404,
    "report.unknown": 404,
    "route.method": 405,
    "run.overlap": 409,
    "alert.resolves_itself": 409,
    "request.too_large": 413,
    "request.url_too_long": 414,
    "request.not_form": 415,
    "request.not_json": 415,
    "request.invalid": 422,
    "request.too_many_attempts": 429,
    "request.headers_too_large": 431,
    "server.busy": 503,
    **dict.fromkeys(EXHAUSTED, 503),
    "store.busy": 503,
    "store.unreachable": 503,
    "store.corrupt": 503,
    "store.missing": 503,
    "store.taken": 503,
    "store.read_only": 503,
    "home.read_only": 507,
    "store.disk_error": 507,
    "store.disk_full": 507,
}


def unknown(kind: str, message: str, place: str) -> NightdeskError:
    """What was asked for by name does not exist."""
    return NightdeskError(f"{kind}.unknown", message, f"See {place} for what there is.")


class Fault(BaseModel):
    """One mistake in a request, and where it stands."""

    pointer: str = Field(description="Where: `body/symbols/0`, `query/limit`.")
    message: str


class Problem(BaseModel):
    """What went wrong, for a program (code) and for a person (detail and cure)."""

    type: str = Field(description="A stable name of this kind of problem.", examples=["urn:nightdesk:run.unknown"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    code: str = Field(examples=["run.unknown"])
    detail: str = Field(examples=["There is no run 17."])
    cure: str = Field(examples=["See /api/v1/runs for those there are."])
    errors: list[Fault] = []


REFUSALS: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (400, 401, 422, 500)}
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Problem}}
WRITES: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (403, 404, 413, 415, 507)}


def problem(
    status: int, error: NightdeskError, *, errors: list[Fault] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """The problem document of `error`."""
    document = Problem(
        type=f"urn:nightdesk:{error.code}",
        title=HTTPStatus(status).phrase,
        status=status,
        code=error.code,
        detail=error.message,
        cure=error.cure,
        errors=errors or [],
    )
    return Response(document.model_dump_json(), status, headers, media_type=MEDIA_TYPE)


def status_of(error: NightdeskError) -> int:
    """The HTTP status of an error."""
    return STATUS.get(error.code, 422 if isinstance(error, UsageError | ConfigError) else 500)


def answer(error: NightdeskError) -> Response:
    """An error of ours as a response; internal details are replaced by a general message."""
    status = status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        error = failure(error.code)
    return problem(status, error, headers={"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None)


def failure(code: str = "internal") -> NightdeskError:
    """The response to an internal error, without its details."""
    return NightdeskError(code, "The desk could not answer this.", "The desk's log says why; try again later.")


def _validation(_: Request, error: RequestValidationError) -> Response:
    faults = [Fault(pointer="/".join(map(str, item["loc"])), message=item["msg"]) for item in error.errors()]
    if all(item["loc"][0] == "path" for item in error.errors()):
        return answer(unknown_route())
    listing = "; ".join(f"{fault.pointer}: {fault.message}" for fault in faults[:5])
    return problem(
        422,
        NightdeskError("request.invalid", f"The request is not valid: {listing}.", "Mend what is named."),
        errors=faults,
    )


def unknown_route() -> NightdeskError:
    """Nothing is served there."""
    return NightdeskError("route.unknown", "Nothing is served at this address.", "See /api/v1/openapi.json.")


def _http(_: Request, error: HTTPException) -> Response:
    """What the framework itself refuses."""
    if error.status_code == HTTPStatus.NOT_FOUND:
        return answer(unknown_route())
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        refused = NightdeskError("route.method", "This address does not take that method.", "See the Allow header.")
        return problem(405, refused, headers=error.headers)
    # A body that the JSON decoder gave up otherwise than by a syntax error: not UTF-8, or nested too deep.
    return problem(422, NightdeskError("request.invalid", "The body cannot be read as JSON.", "Send a JSON object."))


def install(app: FastAPI) -> None:
    """Let `app` answer the framework's own errors with problem documents."""
    app.add_exception_handler(RequestValidationError, _validation)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http)  # type: ignore[arg-type]


def document(schema: dict[str, Any]) -> dict[str, Any]:
    """Move every error response of an OpenAPI document to its true media type."""
    for path in schema["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status >= "400" and (content := response.get("content", {}).pop("application/json", None)):
                    response["content"][MEDIA_TYPE] = content
    return schema
