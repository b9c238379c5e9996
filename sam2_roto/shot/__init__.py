"""The interactive shot: a project document with undo, and the tracking that follows its edits."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .document import Answer, Cut, Document, Keyframe, ShotObject, Stroke, TrackingSettings
    from .session import Session
    from .shot import Shot

_HOMES = {
    "Answer": "document",
    "Cut": "document",
    "Document": "document",
    "Keyframe": "document",
    "Session": "session",
    "Shot": "shot",
    "ShotObject": "document",
    "Stroke": "document",
    "TrackingSettings": "document",
}

__all__ = ["Answer", "Cut", "Document", "Keyframe", "Session", "Shot", "ShotObject", "Stroke", "TrackingSettings"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
