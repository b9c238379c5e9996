"""Addresses of shots: opened, edited, prompted, looked at."""

from __future__ import annotations

import asyncio
import re
import secrets
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi import Path as InPath

from compositing.footage.frames import FrameRange
from sam2_roto.shot.document import Stroke, TrackingSettings
from sam2_roto.shot.shot import ENDING

from . import shots
from .faults import Refused
from .replies import Preview, Review, Shot, ShotList, Turned
from .requests import ChangeObject, ChangeShot, LockBody, NewObject, OpenShot, PromptBody, Width
from .room import Room
from .routes import FAULTS, Here
from .service import Service

_PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}, "description": "A PNG"}}

router = APIRouter(prefix="/shots", tags=["shots"], responses=FAULTS)

Frame = Annotated[int, InPath(ge=-(2**31), lt=2**31)]
QueryFrame = Annotated[int, Query(ge=-(2**31), lt=2**31)]
Name = Annotated[str, InPath(max_length=200)]
QueryName = Annotated[str, Query(alias="object", max_length=200)]
Json = dict[str, Any]


async def known(shot: Annotated[str, InPath(max_length=64, description="id of a shot")], here: Here) -> str:
    """The id of a shot that the service knows."""
    here.rooms.folder(shot)
    return shot


Known = Annotated[str, Depends(known)]


@router.get("", response_model=ShotList)
async def all_shots(here: Here) -> Json:
    """The shots that can be read now; those whose files are away are left out."""
    known = [(identity, here.rooms.folder(identity)) for identity in here.rooms.ids]
    return {"shots": await asyncio.to_thread(shots.headers, here.folders, known)}


@router.post("", response_model=Shot)
async def open_shot(body: OpenShot, here: Here) -> Json:
    """Make a shot of footage, or open one that is there."""
    if body.footage is None:
        folder = here.folders.shot(body.folder or "")
        await asyncio.to_thread(shots.check, here.folders, folder)
    else:
        folder = await asyncio.to_thread(_make, body, here)
    return await here.rooms.do(here.rooms.add(folder.resolve()), shots.describe)


@router.get("/{shot}", response_model=Shot)
async def shot(shot: Known, here: Here) -> Json:
    """A shot as it is now."""
    return await here.rooms.do(shot, shots.describe)


@router.patch("/{shot}", response_model=Shot)
async def change_shot(shot: Known, body: ChangeShot, here: Here) -> Json:
    """Set range, recipe, model, image size or crop; null is the default again."""
    return await here.rooms.do(shot, shots.change, body.model_dump(include=body.model_fields_set))


@router.delete("/{shot}", response_model=ShotList)
async def close_shot(shot: Known, here: Here) -> Json:
    """Close a shot and forget it; its files stay."""
    if here.jobs.busy(shot):
        raise Refused(409, "busy", "a job is at work on the shot; cancel it, or wait for its end")
    await here.rooms.forget(shot)
    return await all_shots(here)


@router.post("/{shot}/objects", response_model=Shot)
async def add_object(shot: Known, body: NewObject, here: Here) -> Json:
    """A new object, without prompts; the first prompt makes one too."""
    return await here.rooms.do(shot, shots.add_object, body.name, body.colour)


@router.patch("/{shot}/objects/{name}", response_model=Shot)
async def change_object(shot: Known, name: Name, body: ChangeObject, here: Here) -> Json:
    """Rename, colour, show or hide, lock or unlock an object."""
    words = body.model_dump(exclude_none=True)
    if "name" in words:
        words["rename"] = words.pop("name")
    return await here.rooms.do(shot, shots.set_object, name, words)


@router.delete("/{shot}/objects/{name}", response_model=Shot)
async def remove_object(shot: Known, name: Name, here: Here) -> Json:
    """Take an object out of the shot."""
    return await here.rooms.do(shot, shots.remove_object, name)


@router.post("/{shot}/prompts", response_model=Preview)
async def say(shot: Known, body: PromptBody, here: Here) -> Json:
    """Say where an object is, or is not; it is answered at once, and prompt and answer are one edit."""
    return await here.rooms.do(shot, _say, body)


@router.delete("/{shot}/prompts", response_model=Shot)
async def clear(shot: Known, name: QueryName, frame: QueryFrame, here: Here) -> Json:
    """Take back all that was said about an object on a frame."""
    return await here.rooms.do(shot, shots.clear, name, frame)


@router.post("/{shot}/preview", response_model=Preview)
async def preview(shot: Known, body: PromptBody, here: Here) -> Json:
    """What a prompt would give; nothing is said, nothing changes."""
    return await here.rooms.do(shot, _preview, body)


@router.post("/{shot}/undo", response_model=Turned)
async def undo(shot: Known, here: Here) -> Json:
    """Take the latest edit back."""
    return await here.rooms.do(shot, shots.undo)


@router.post("/{shot}/redo", response_model=Turned)
async def redo(shot: Known, here: Here) -> Json:
    """Make the edit that was undone last again."""
    return await here.rooms.do(shot, shots.redo)


@router.post("/{shot}/lock", response_model=Shot)
async def lock(shot: Known, body: LockBody, here: Here) -> Json:
    """Accept a frame as it is, or let it be edited again."""
    return await here.rooms.do(shot, shots.lock, body.object, body.frame, body.locked)


@router.get("/{shot}/frames/{frame}", response_class=Response, responses=_PNG)
async def plate(shot: Known, frame: Frame, here: Here, width: Annotated[Width | None, Query()] = None) -> Response:
    """The plate as people see it."""
    return Response(await here.rooms.do(shot, shots.plate, frame, width), media_type="image/png")


@router.get("/{shot}/mattes/{name}/{frame}", response_class=Response, responses=_PNG)
async def matte(
    shot: Known, name: Name, frame: Frame, here: Here, width: Annotated[Width | None, Query()] = None
) -> Response:
    """The matte of an object that the shot's recipe makes."""
    return Response(await here.rooms.do(shot, shots.matte, name, frame, width), media_type="image/png")


@router.get("/{shot}/review", response_model=Review)
async def review(shot: Known, here: Here) -> Json:
    """The frames to look at, worst first."""
    return await here.rooms.do(shot, shots.review)


def _make(body: OpenShot, here: Service) -> Path:
    """The folder of a new shot."""
    footage = here.folders.footage(body.footage or "")
    if body.folder is None:
        stem = re.sub(r"[^A-Za-z0-9]+", "_", footage.stem.split(".")[0]).strip("_")[:60] or "shot"
        folder = here.settings.shots / f"{stem}-{secrets.token_hex(4)}{ENDING}"
    else:
        folder = here.folders.inside(body.folder, "shot")
    return shots.make(
        here.folders,
        folder,
        footage,
        frames=FrameRange(*body.range) if body.range else None,
        start=body.start,
        color_space=body.color_space,
        settings=TrackingSettings(model=body.model, image_size=body.image_size, crop=body.crop or "auto"),
        recipe=body.recipe,
    )


def _say(room: Room, body: PromptBody) -> Json:
    from . import prompting

    return prompting.say(room, _prompt(room, body), body.width)


def _preview(room: Room, body: PromptBody) -> Json:
    from . import prompting

    return prompting.preview(room, _prompt(room, body), body.width)


def _prompt(room: Room, body: PromptBody) -> Any:
    from .prompting import Prompt

    return Prompt(
        body.object,
        body.frame,
        points=tuple(body.points or ()),
        box=body.box,
        mask=None if body.mask is None else room.folders.inside(body.mask, "mask"),
        strokes=tuple(Stroke(tuple(s.points), s.radius, s.positive) for s in body.strokes or ()),
    )
