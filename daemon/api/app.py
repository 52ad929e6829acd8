"""The HTTP application: the guard, the API and the page over one desk."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from config.secrets import Secret
from config.settings import Api
from daemon.api import problems, routes
from daemon.api.access import COOKIE, Access
from daemon.api.guard import Guard, grant
from daemon.api.query import KNOWN_PARAMETERS
from daemon.api.sessions import Sessions
from daemon.api.signing_in import signing_in
from daemon.api.status import version
from daemon.api.view import DeskView
from daemon.dashboard.page import router as page


def create_app(desk: DeskView, token: Secret | None, api: Api) -> FastAPI:
    """Build the application. `api` is where it is bound, which `--host` and `--port` may change from the settings."""
    sessions = Sessions(desk.home.sessions, token, desk.clock) if token else None
    access = Access(api, token, sessions, desk.clock)
    app = FastAPI(
        title="Nightdesk",
        summary="The desk that works at night: signals, models, runs and jobs.",
        version=version(),
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.add_middleware(Guard, api=api, access=access)
    problems.install(app)
    app.include_router(routes.health(desk))
    for build in routes.ROUTERS:
        app.include_router(build(desk), prefix="/api/v1", dependencies=[KNOWN_PARAMETERS])
    app.include_router(signing_in(access, api.root_path))
    app.include_router(page(api.root_path, lambda request: grant(request.scope) == "session"))
    _complete_openapi(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _complete_openapi(app: FastAPI) -> None:
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = problems.document(describe())
            schema["components"]["securitySchemes"] = {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            }
            for path in schema["paths"].values():
                for method, operation in path.items():
                    reads: list[dict[str, list[str]]] = [{}, {"token": []}, {"session": []}]
                    operation["security"] = [{"token": []}] if method == "post" else reads
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it
