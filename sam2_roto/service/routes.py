"""Addresses of the service itself: version, status, opened folders, shutdown."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from sam2_roto import __version__
from sam2_roto.checkpoints import PUBLISHED, find
from sam2_roto.checkpoints.published import EMBEDDED

from .replies import Ending, Error, FolderList, Status, Version
from .requests import OpenFolder
from .service import Service
from .settings import NAME, PROTOCOL

FAULTS: dict[int | str, dict[str, Any]] = {
    400: {"model": Error, "description": "What is asked makes no sense"},
    401: {"model": Error, "description": "No token, or a wrong one"},
    403: {"model": Error, "description": "An origin, a host or a path that is not allowed"},
    404: {"model": Error, "description": "There is no such thing"},
    408: {"model": Error, "description": "The body did not arrive"},
    409: {"model": Error, "description": "What is there is in the way"},
    413: {"model": Error, "description": "The body is too large"},
    422: {"model": Error, "description": "The request is malformed"},
    500: {"model": Error, "description": "A failure of the service"},
}
"""Answers that every address may give."""

router = APIRouter(tags=["service"], responses=FAULTS)


def service_of(request: Request) -> Service:
    """The service that a request is for."""
    found: Service = request.app.state.service
    return found


Here = Annotated[Service, Depends(service_of)]


@router.get("/version")
async def version() -> Version:
    """Who answers, and which version of this interface."""
    return Version(name=NAME, version=__version__, protocol=PROTOCOL, pid=os.getpid())


@router.get("/status", response_model=Status)
async def status(here: Here) -> dict[str, Any]:
    """Device, networks, and what is going on."""
    device = await asyncio.to_thread(_device, here.settings.devices[0])
    return {
        "device": device,
        "models": [{"name": name, "present": find(name) is not None} for name in (EMBEDDED, *PUBLISHED)],
        "shots": len(here.rooms.ids),
        "jobs": {state: here.jobs.count(state) for state in ("queued", "running")},
        "uptime": time.monotonic() - here.began,
    }


@router.get("/folders", response_model=FolderList)
async def folders(here: Here) -> dict[str, Any]:
    """The folders that are open for reading and writing."""
    return _folders(here)


@router.post("/folders", response_model=FolderList)
async def open_folder(body: OpenFolder, here: Here) -> dict[str, Any]:
    """Open a folder, and all that is in it, for reading and writing; it stays open until it is closed."""
    here.open_folder(body.path)
    return _folders(here)


@router.delete("/folders", response_model=FolderList)
async def close_folder(path: Annotated[str, Query(max_length=4096)], here: Here) -> dict[str, Any]:
    """Close a folder; files stay."""
    await here.close_folder(path)
    return _folders(here)


@router.post("/shutdown")
async def shutdown(here: Here) -> Ending:
    """End the service. Jobs that run go on with the next one."""
    here.shut_down()
    return Ending(ending=True)


def _folders(here: Service) -> dict[str, Any]:
    return {"folders": list(map(str, here.folders.opened))}


def _device(word: str) -> str:
    from sam2_roto.loading import choose_device

    return str(choose_device(word))
