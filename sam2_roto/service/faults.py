"""What goes wrong, as clients see it: a status, a kind, and one clear sentence."""

from __future__ import annotations

from typing import Literal, get_args

from compositing.errors import (
    CompositingError,
    FootageError,
    FrameRangeError,
    OutputError,
)
from sam2_roto.errors import (
    ExportError,
    ModelError,
    PromptError,
    ServiceError,
    ShotError,
    StoreError,
)

Kind = Literal[
    "prompt",
    "path",
    "shot",
    "job",
    "model",
    "footage",
    "export",
    "busy",
    "unauthorised",
    "origin",
    "too_large",
    "malformed",
    "unknown",
    "internal",
]
"""``footage``: plates that cannot be read; ``unknown``: no such address; the others say themselves."""

KINDS: tuple[str, ...] = get_args(Kind)

_FAULTS: tuple[tuple[type[CompositingError], int, Kind], ...] = (
    (PromptError, 400, "prompt"),
    (ModelError, 400, "model"),
    (ShotError, 409, "shot"),
    (StoreError, 409, "shot"),
    (FrameRangeError, 400, "prompt"),
    (FootageError, 400, "footage"),
    (ExportError, 400, "export"),
    (OutputError, 400, "export"),
    (ServiceError, 500, "internal"),
)


class Refused(ServiceError):
    """A request that the service does not carry out."""

    def __init__(self, status: int, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


def fault(error: CompositingError) -> tuple[int, Kind, str]:
    """Status, kind and sentence of an error of our tree."""
    if isinstance(error, Refused):
        return error.status, error.kind, str(error)
    for kind, status, word in _FAULTS:
        if isinstance(error, kind):
            return status, word, str(error)
    return 400, "malformed", str(error)


def told(kind: Kind, message: str) -> dict[str, dict[str, str]]:
    """The body of an answer that says what is wrong."""
    return {"error": {"kind": kind, "message": message}}
