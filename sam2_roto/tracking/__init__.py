"""Following objects through a clip: prompts, bounded memory, passes in both directions."""

from __future__ import annotations

from .objects import FrameResult, ObjectFrame
from .prompts import FramePrompt
from .source import ArraySource, FrameSource
from .tracker import Archive, Tracker

__all__ = ["Archive", "ArraySource", "FramePrompt", "FrameResult", "FrameSource", "ObjectFrame", "Tracker"]
