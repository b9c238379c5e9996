"""Errors of the pixel library.

    Exception
    └── CompositingError        the user's words or files are wrong; the message is one sentence that says what to do
        ├── FootageError        a plate, movie or sequence cannot be used
        │   ├── MissingFrameError   a frame that the numbering promises is not there
        │   └── FrameRangeError     a frame outside the footage was asked for
        ├── ImageError          sizes, channels or windows do not fit together
        ├── ColorError          a colour space is unknown, or spaces are mixed
        ├── GraphError          a node, its settings or a saved graph make no sense
        └── OutputError         a file cannot be written

The rotoscoping core adds its own branch in ``sam2_roto/errors.py``.
"""

from __future__ import annotations


class CompositingError(Exception):
    """The user's words or files are wrong; ``str(error)`` is one sentence that names them and says what to do."""


class FootageError(CompositingError):
    """A plate, movie or sequence cannot be opened or decoded."""


class MissingFrameError(FootageError):
    """A frame inside the range of a sequence has no file."""


class FrameRangeError(FootageError):
    """A frame outside the footage was asked for."""


class ImageError(CompositingError):
    """Sizes, channels or windows of images do not fit together."""


class ColorError(CompositingError):
    """A colour space is unknown, or two spaces were mixed by accident."""


class GraphError(CompositingError):
    """A node's kind, inputs or settings, or a saved graph, make no sense."""


class OutputError(CompositingError):
    """A file or folder cannot be written."""
