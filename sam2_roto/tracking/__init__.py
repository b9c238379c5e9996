"""Following objects through a clip: prompts, bounded memory, passes in both directions."""

from __future__ import annotations

from .archive import Archive
from .objects import FrameResult, ObjectFrame
from .prompts import FramePrompt
from .source import ArraySource, FrameSource
from .tracker import Tracker

__all__ = ["Archive", "ArraySource", "FramePrompt", "FrameResult", "FrameSource", "ObjectFrame", "Tracker"]
