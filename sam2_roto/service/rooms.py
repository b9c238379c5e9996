"""The rooms of a service: every shot it knows, the latest of them open."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from compositing.errors import CompositingError

from .faults import Refused
from .paths import Folders
from .room import Models, Room
from .store import ShotRow, Store

_LOG = logging.getLogger(__name__)

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Rooms:
    """Shots by their ids. Those used last stay open; others are let go, and opened again when they are asked for.

    Used by the thread of the event loop alone; what is done in a room is done by the room's thread. ``pinned`` tells
    of a shot that must stay open, because a job is at work on it.
    """

    def __init__(
        self, store: Store, folders: Folders, models: Models, warm: int, pinned: Callable[[str], bool]
    ) -> None:
        self._store, self._folders, self._models = store, folders, models
        self._warm, self._pinned = warm, pinned
        self._rows = {row.id: row for row in store.shots()}
        self._open: dict[str, Room] = {}
        self._closing: dict[str, asyncio.Task[None]] = {}

    @property
    def ids(self) -> list[str]:
        """The shots that are known, the oldest first."""
        return list(self._rows)

    def folder(self, identity: str) -> Path:
        """The folder of a shot; Refused where there is none of that id."""
        if identity not in self._rows:
            raise Refused(404, "shot", f"there is no shot {identity}; ask for /v1/shots")
        return Path(self._rows[identity].folder)

    def add(self, folder: Path) -> str:
        """Know the shot in ``folder``; gives its id, the same one each time."""
        for row in self._rows.values():
            if row.folder == str(folder):
                return row.id
        row = ShotRow(secrets.token_hex(6), str(folder))
        self._store.add_shot(row)
        self._rows[row.id] = row
        return row.id

    async def do(
        self, identity: str, work: Callable[Concatenate[Room, _P], _T], /, *args: _P.args, **words: _P.kwargs
    ) -> _T:
        """Do ``work(room, …)`` in the room of a shot; Refused where there is none of that id."""
        folder = self.folder(identity)
        while closing := self._closing.get(identity):
            await closing
        room = self._open.pop(identity, None) or Room(identity, folder, self._folders, self._models)
        self._open[identity] = room
        self._trim()
        return await room.do(work, *args, **words)

    async def forget(self, identity: str) -> None:
        """Close a shot, and take it out of the list; its files stay."""
        self.folder(identity)
        self._store.remove_shot(identity)
        del self._rows[identity]
        if room := self._open.get(identity):
            self._let_go(room)
            await self._closing[identity]

    async def close(self) -> None:
        """Close all rooms; they are opened again when they are asked for."""
        for room in list(self._open.values()):
            self._let_go(room)
        await asyncio.gather(*self._closing.values())

    def _trim(self) -> None:
        """Let the rooms go that were not used for longest, if no one waits in them."""
        spare = [room for room in self._open.values() if not room.waiting and not self._pinned(room.id)]
        for room in spare[:-1][: max(len(self._open) - self._warm, 0)]:
            self._let_go(room)

    def _let_go(self, room: Room) -> None:
        del self._open[room.id]
        self._closing[room.id] = asyncio.ensure_future(self._close(room))

    async def _close(self, room: Room) -> None:
        try:
            await room.close()
        except CompositingError as error:
            _LOG.warning("shot %s: %s", room.id, error)
        finally:
            del self._closing[room.id]
