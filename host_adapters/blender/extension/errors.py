"""What can be wrong with a scene, in one sentence for the artist."""

from __future__ import annotations


class SceneError(Exception):
    """The scene, the strip or the clip does not allow what was asked for; the message says what to do."""
