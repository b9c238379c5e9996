"""A room: one open shot with its footage and network, worked on by a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from sam2_roto.shot.shot import Shot

from .paths import Folders

if TYPE_CHECKING:
    from sam2_roto.model import SAM2
    from sam2_roto.shot.network import Network
    from sam2_roto.shot.session import Session

_P = ParamSpec("_P")
_T = TypeVar("_T")

MODELS = 2
"""Networks that are held in memory."""


class Models:
    """Networks with their weights, shared by all shots; ``using`` is held while one computes."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.using = threading.RLock()
        self._loaded: dict[tuple[str, int, str], SAM2] = {}

    def get(self, network: Network) -> SAM2:
        """The network, loaded when it is first asked for; the latest few are kept."""
        key = (str(network.path), network.config.image_size, network.settings.precision)
        with self.using:
            model = self._loaded.pop(key) if key in self._loaded else network.load(self.device)
            self._loaded[key] = model
            while len(self._loaded) > MODELS:
                del self._loaded[next(iter(self._loaded))]
            return model


class Room:
    """An open shot. What is done in it is done by its own thread, one thing after another, in the order of asking."""

    def __init__(self, identity: str, folder: Path, folders: Folders, models: Models) -> None:
        self.id, self.folder, self.folders, self.models = identity, folder, folders, models
        self.waiting = 0
        self._thread = ThreadPoolExecutor(1, f"shot {identity}")
        self._shot: Shot | None = None
        self._session: Session | None = None
        self._made_for: tuple[object, ...] = ()

    @property
    def shot(self) -> Shot:
        """The shot, claimed for this process when it is first needed. Raises ShotError."""
        if self._shot is None:
            self._shot = Shot(self.folders.shot(self.folder))
        return self._shot

    @property
    def session(self) -> Session:
        """The session, which is another one after the network or the footage changed.

        Raises FootageError, ShotError, ModelError or CheckpointError, Refused where footage or weights lie outside the
        opened folders.
        """
        from .opening import open_session

        made_for = (self.shot.document.settings, self.shot.document.footage)
        if self._session is None or made_for != self._made_for:
            self._leave_session()
            self._session, self._made_for = open_session(self.shot, self.folders, self.models), made_for
        self._session.results.update(self.shot.document)
        return self._session

    async def do(self, work: Callable[Concatenate[Room, _P], _T], /, *args: _P.args, **words: _P.kwargs) -> _T:
        """Do ``work(room, …)`` in the room's thread, after what was asked for before."""
        self.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, lambda: work(self, *args, **words))
        finally:
            self.waiting -= 1

    async def close(self) -> None:
        """Let go of shot, footage and thread, after what is waiting."""
        try:
            await self.do(Room._leave)
        finally:
            self._thread.shutdown(wait=False)

    def _leave(self) -> None:
        shot, self._shot = self._shot, None
        try:
            self._leave_session()
        finally:
            if shot is not None:
                shot.close()

    def _leave_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
