"""The timer that takes up what the service did, and undo that reaches the service."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from .link import Link, Work
from .overlay import hide, redraw
from .preferences import link
from .scene import work_of
from .tasks import EDITS, Order, Tasks

TASKS = Tasks()
"""What goes on beside the interface."""

_TICK_S = 0.1
_said: dict[str, int] = {}  # folder of a shot: edits that the service was told of


def submit(lane: str, order: Order) -> None:
    """Have the service do something; the interface stays free. Without an interface it is waited for.

    Raises SceneError there, where it failed.
    """
    TASKS.add(lane, order)
    if bpy.app.background:
        TASKS.settle()
    elif not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_TICK_S)


def count_edit(entry: Any) -> None:
    """Note that the artist said something about a shot."""
    _said.setdefault(entry.folder, entry.edits)
    entry.edits += 1
    _said[entry.folder] += 1


def uncount_edit(scene: Any, folder: str) -> None:
    """Take back the note, and the mark, of what the service has refused."""
    _said[folder] = _said.get(folder, 1) - 1
    for entry in scene.sam2_roto.shots:
        if entry.folder == folder and entry.edits > _said[folder]:
            entry.edits -= 1
            entry.marks.remove(len(entry.marks) - 1)


def follow(scene: Any) -> None:
    """Undo or redo in the service what Blender has undone or redone in a scene."""
    for entry in scene.sam2_roto.shots:
        ahead = _said.setdefault(entry.folder, entry.edits) - entry.edits
        _said[entry.folder] = entry.edits
        way, work = link(), work_of(entry)
        for _ in range(abs(ahead)):
            title = "Undo" if ahead > 0 else "Redo"
            submit(EDITS, Order(title, _step(way, work, ahead > 0), lambda _made: hide()))


def _step(way: Link, work: Work, back: bool) -> Any:
    return lambda _task: way.undo(work) if back else way.redo(work)


@persistent  # type: ignore[untyped-decorator]
def _follow_all(*_given: Any) -> None:
    for scene in bpy.data.scenes:
        follow(scene)


@persistent  # type: ignore[untyped-decorator]
def _forget_all(*_given: Any) -> None:
    _said.clear()
    hide()


def attach() -> None:
    """Follow undo and redo from now on."""
    bpy.app.handlers.undo_post.append(_follow_all)
    bpy.app.handlers.redo_post.append(_follow_all)
    bpy.app.handlers.load_post.append(_forget_all)


def detach() -> None:
    """Follow no more; the job that runs is cancelled."""
    TASKS.cancel()
    bpy.app.handlers.undo_post.remove(_follow_all)
    bpy.app.handlers.redo_post.remove(_follow_all)
    bpy.app.handlers.load_post.remove(_forget_all)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)


def _tick() -> float | None:
    going = TASKS.pump()
    redraw()
    return _TICK_S if going else None
