"""The web application: addresses, the guard before them, and errors as one sentence."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from compositing.errors import CompositingError
from sam2_roto import __version__

from . import routes, routes_jobs, routes_shots
from .faults import Kind, fault, told
from .guard import Guard
from .service import Service

_LOG = logging.getLogger(__name__)

_DESCRIPTION = "Rotoscoping for editors on this machine. Every request needs the token of service.json as bearer."

Hook = Callable[[], None]


def make_app(service: Service, token: str, *, began: Hook = lambda: None, ended: Hook = lambda: None) -> FastAPI:
    """The application of a service; ``began`` and ``ended`` are called when requests are answered, and no more."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.begin()
        began()
        try:
            yield
        finally:
            ended()
            await service.end()

    app = FastAPI(
        title="sam2-roto",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # the pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    for part in (routes, routes_shots, routes_jobs):
        app.include_router(part.router, prefix="/v1")
    app.add_exception_handler(CompositingError, _on_fault)
    app.add_exception_handler(RequestValidationError, _on_malformed)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_failure)
    app.add_middleware(_Counted, service=service)
    settings = service.settings
    app.add_middleware(Guard, token=token, origins=settings.origins, largest=settings.largest_body)
    _describe_security(app)
    return app


class _Counted:
    """ASGI middleware that knows whether someone is being answered."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._service.requests += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._service.requests -= 1
            self._service.touch()


async def _on_fault(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CompositingError)
    status, kind, message = fault(error)
    return JSONResponse(told(kind, message), status)


async def _on_malformed(_: Request, error: Exception) -> JSONResponse:
    """The first thing that is wrong with a request; what was sent is not sent back."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return JSONResponse(told("malformed", f"{place}: {first['msg']}"), 422)


async def _on_http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind: Kind = "unknown" if error.status_code in (404, 405) else "malformed"
    return JSONResponse(told(kind, str(error.detail)), error.status_code, headers=error.headers)


async def _on_failure(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("%s %s", request.method, request.url.path, exc_info=error)
    message = f"the service failed with {type(error).__name__}; the traceback is in its log"
    return JSONResponse(told("internal", message), 500)


def _describe_security(app: FastAPI) -> None:
    """Tell in the description that every address needs the token."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        schema = plain()
        schema.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"token": []}]
        return schema

    app.openapi = described  # type: ignore[method-assign]
