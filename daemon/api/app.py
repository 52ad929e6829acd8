"""The HTTP application: the guard, the API and the page over one desk."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from config.secrets import Secret
from config.settings import Api
from daemon.api import problems, routes
from daemon.api.guard import Guard
from daemon.api.status import version
from daemon.api.view import DeskView
from daemon.dashboard.page import router as page


def create_app(desk: DeskView, token: Secret | None, api: Api) -> FastAPI:
    """Build the application. `api` is where it is bound, which `--host` and `--port` may change from the settings."""
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
    app.add_middleware(Guard, api=api, token=token)
    problems.install(app)
    app.include_router(routes.health(desk))
    for build in routes.ROUTERS:
        app.include_router(build(desk), prefix="/api/v1")
    app.include_router(page())
    _complete_openapi(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _complete_openapi(app: FastAPI) -> None:
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = problems.document(describe())
            schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            for path in schema["paths"].values():
                for method, operation in path.items():
                    operation["security"] = [{"token": []}] if method == "post" else [{}, {"token": []}]
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it
