"""Addresses of jobs: asked for, followed, put first, cancelled."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from fastapi.responses import StreamingResponse

from . import shots
from .job import Work
from .plans import composite_plan, export_plan
from .replies import Job, JobList
from .requests import ChangeJob, CompositeBody, ExportBody, TrackBody
from .room import Room
from .routes import FAULTS, Here
from .routes_shots import Known
from .service import Service

_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "One event for each step: a job as JSON"}
}

router = APIRouter(tags=["jobs"], responses=FAULTS)

JobId = Annotated[str, InPath(max_length=64, description="id of a job")]
Json = dict[str, Any]


@router.post("/shots/{shot}/track", response_model=Job)
async def track(shot: Known, body: TrackBody, here: Here) -> Json:
    """Track what the shot lacks, as it is when the job begins. Edits are possible all the time."""
    await here.rooms.do(shot, shots.ready)
    return _add(here, shot, "track", {}, body.priority)


@router.post("/shots/{shot}/export", response_model=Job)
async def export(shot: Known, body: ExportBody, here: Here) -> Json:
    """Write mattes and what else is wanted into a folder."""
    options = body.model_dump(exclude={"priority"}, exclude_unset=True)
    export_plan(options, here.folders)
    await here.rooms.do(shot, shots.ready)
    return _add(here, shot, "export", options, body.priority)


@router.post("/shots/{shot}/composite", response_model=Job)
async def composite(shot: Known, body: CompositeBody, here: Here) -> Json:
    """Put the shot's objects before another background."""
    options = body.model_dump(exclude={"priority"}, exclude_unset=True)
    await here.rooms.do(shot, _check_composite, options)
    return _add(here, shot, "composite", options, body.priority)


@router.get("/jobs", response_model=JobList)
async def jobs(here: Here, shot: Annotated[str | None, Query(max_length=64)] = None) -> Json:
    """All jobs, or those of one shot, the oldest first."""
    return {"jobs": [job.to_json() for job in here.jobs.all(shot)]}


@router.get("/jobs/{job}", response_model=Job)
async def job(job: JobId, here: Here) -> Json:
    """A job, and how far it is."""
    return here.jobs.find(job).to_json()


@router.patch("/jobs/{job}", response_model=Job)
async def change_job(job: JobId, body: ChangeJob, here: Here) -> Json:
    """Give a job another priority, as long as it waits."""
    return here.jobs.hasten(job, body.priority).to_json()


@router.delete("/jobs/{job}", response_model=Job)
async def cancel(job: JobId, here: Here) -> Json:
    """Cancel a job: at once where it waits, at a frame's end where it runs."""
    return here.jobs.cancel(job).to_json()


@router.get("/jobs/{job}/events", response_class=StreamingResponse, responses=_EVENTS)
async def job_events(job: JobId, here: Here) -> StreamingResponse:
    """Follow a job until it is over."""
    found = here.jobs.find(job)
    return StreamingResponse(here.events.stream([found], only=job), media_type="text/event-stream")


@router.get("/events", response_class=StreamingResponse, responses=_EVENTS)
async def events(here: Here) -> StreamingResponse:
    """Follow all jobs; those that are not over come first, as they are."""
    active = [job for job in here.jobs.all() if not job.over]
    return StreamingResponse(here.events.stream(active), media_type="text/event-stream")


def _add(here: Service, shot: str, kind: Work, options: Json, priority: int) -> Json:
    here.rooms.folder(shot)  # it may have been closed meanwhile
    return here.jobs.add(shot, kind, options, priority).to_json()


def _check_composite(room: Room, options: Json) -> None:
    from sam2_roto.shot.footage import locate

    shots.ready(room)
    footage = room.shot.document.footage
    composite_plan(options, footage, room.folders.footage(locate(footage, room.folder)), room.folders)
