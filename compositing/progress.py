"""Progress: what long work calls to tell how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)``, for instance ``("track", 12, 96)``, in the caller's thread; may raise to
stop the work."""


def silent(stage: str, done: int, total: int) -> None:
    """Report to no one."""
