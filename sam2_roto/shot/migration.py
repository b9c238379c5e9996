"""Shots of older formats, brought to the present one with their history.

A migration turns the JSON document of one format into that of the next. The history is migrated by its states: every
document that can be undone or redone to is turned, and the edits are the differences between them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .history import Edit, History
from .patch import difference
from .schema import FORMAT

Json = dict[str, Any]


def _with_cuts(document: Json) -> Json:
    """Format 2 holds the cuts; in a shot of format 1 no one has looked for them."""
    return {**document, "cuts": None}


def _without_windows(document: Json) -> Json:
    """Format 3 tells whether windows are used; a shot of format 2 was tracked on the whole plate, and stays so."""
    return {**document, "settings": {**document["settings"], "crop": "none"}}


MIGRATIONS: dict[int, Callable[[Json], Json]] = {1: _with_cuts, 2: _without_windows}
"""Format → what makes a document of the next format of one of this."""


def migrated(version: int, document: Json, history: History) -> tuple[Json, History]:
    """``document`` and ``history`` of format ``version`` in the present format."""
    states = [_forward(version, state) for state in history.states(document)]
    edits = [
        Edit(edit.id, edit.label, difference(states[place], states[place + 1]), edit.joined)
        for place, edit in enumerate(history.edits)
    ]
    return states[history.position], History(edits, history.position)


def _forward(version: int, document: Json) -> Json:
    for older in range(version, FORMAT):
        document = MIGRATIONS[older](document)
    return document
