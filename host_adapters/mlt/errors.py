"""Errors of the MLT adapter.

CompositingError
└── RotoError
    └── ProjectError        a project, a clip in it, or what is asked of it cannot be used
"""

from __future__ import annotations

from sam2_roto.errors import RotoError


class ProjectError(RotoError):
    """A project file, one of its clips, or what is asked of them, cannot be used; the message says what to do."""
