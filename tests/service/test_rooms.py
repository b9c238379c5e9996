"""A room that is left: what one thing meets with when it closes does not keep the others open."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from sam2_roto.service.paths import Folders
from sam2_roto.service.room import Models, Room


class Closed:
    """Something that notes that it was closed, and may fail in it."""

    def __init__(self, error: OSError | None = None) -> None:
        self.error, self.times = error, 0

    def close(self) -> None:
        self.times += 1
        if self.error:
            raise self.error


def test_a_shot_is_let_go_of_though_its_session_fails(tmp_path: Path) -> None:
    room = Room("a", tmp_path, cast(Folders, None), Models("cpu"))
    shot, session = Closed(), Closed(OSError(5, "the disk is away"))
    inside = cast(Any, room)
    inside._shot, inside._session = shot, session
    with pytest.raises(OSError, match="away"):
        asyncio.run(room.close())
    assert (shot.times, session.times) == (1, 1)
    assert (inside._shot, inside._session) == (None, None)
    assert inside._thread._shutdown
