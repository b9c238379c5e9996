"""The timer that takes up what the service did, and undo that reaches the service."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import bpy
from bpy.app.handlers import persistent

from host_adapters.client import Task

from .link import Link, Work
from .overlay import hide, redraw
from .preferences import link
from .scene import words_of, work_of
from .tasks import EDITS, Order, Tasks

TASKS = Tasks()
"""What goes on beside the interface."""

_TICK_S = 0.1
_said: dict[str, int] = {}  # by the shot's folder: edits that the service was told of
_works: dict[str, Work] = {}


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
    _look_at(entry)
    entry.edits += 1
    _said[entry.folder] += 1


def uncount_edit(scene: Any, folder: str, key: str) -> None:
    """Take back the note of what the service has refused, and the mark of that key, if undo has left it there."""
    _said[folder] = _said.get(folder, 1) - 1
    for entry in scene.sam2_roto.shots:
        keys = [mark.key for mark in entry.marks] if entry.folder == folder else []
        if key in keys:
            entry.edits -= 1
            entry.marks.remove(keys.index(key))


def follow() -> None:
    """Undo or redo in the service what Blender has undone or redone."""
    entries = {entry.folder: entry for scene in bpy.data.scenes for entry in scene.sam2_roto.shots}
    for entry in entries.values():
        _look_at(entry)
    for folder, said in list(_said.items()):
        entry = entries.get(folder)  # undo of the first click takes the entry itself away
        now = entry.edits if entry else 0
        _said[folder] = now
        way, work = link(), _works[folder]
        for _ in range(said - now):
            submit(EDITS, Order("Undo", partial(_undo, way, work), lambda _made: hide()))
        for mark in entry.marks[len(entry.marks) - (now - said) :] if entry and now > said else ():
            words = partial(way.say, work, mark.object_name, mark.frame, words_of(mark))
            submit(EDITS, Order("Redo", partial(_redo, way, work, words), lambda _made: hide()))


def _look_at(entry: Any) -> None:
    """What a file tells of a shot that nothing was said about yet is taken as what the service knows."""
    _said.setdefault(entry.folder, entry.edits)
    _works[entry.folder] = work_of(entry)


def _undo(way: Link, work: Work, _task: Task) -> bool:
    return way.undo(work)


def _redo(way: Link, work: Work, words: Callable[[], Any], _task: Task) -> bool:
    """Redo, or say it anew where the service has forgotten it over other edits."""
    return way.redo(work) or bool(words())


@persistent  # type: ignore[untyped-decorator]
def _follow_all(*_given: Any) -> None:
    follow()


@persistent  # type: ignore[untyped-decorator]
def _begin_anew(*_given: Any) -> None:
    _said.clear()
    hide()
    for scene in bpy.data.scenes:
        for entry in scene.sam2_roto.shots:
            _look_at(entry)


def attach() -> None:
    """Follow undo and redo from now on."""
    bpy.app.handlers.undo_post.append(_follow_all)
    bpy.app.handlers.redo_post.append(_follow_all)
    bpy.app.handlers.load_post.append(_begin_anew)


def detach() -> None:
    """Follow no more; the job that runs is cancelled."""
    TASKS.cancel()
    bpy.app.handlers.undo_post.remove(_follow_all)
    bpy.app.handlers.redo_post.remove(_follow_all)
    bpy.app.handlers.load_post.remove(_begin_anew)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)


def _tick() -> float | None:
    going = TASKS.pump()
    redraw()
    return _TICK_S if going else None
