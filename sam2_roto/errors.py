"""Errors of the rotoscoping core.

    CompositingError                 (compositing/errors.py: footage, images, colour, output)
    └── RotoError
        ├── PromptError              a click, box or mask does not fit the plate or the clip
        ├── ModelError               a model name or size is not one we know
        │   └── CheckpointError      a weights file is absent, damaged or of another model
        ├── StoreError               a masklet store is damaged or belongs to another job
        ├── ShotError                a shot's folder, or what is asked of a shot, is wrong
        ├── ExportError              a matte or annotation cannot be exported as asked
        ├── DatasetError             a data set's layout or files are wrong
        ├── ServiceError             the local service cannot run, or refuses what is asked of it
        └── Cancelled                the user stopped the job

Every one of them means that the user's words or files are wrong (or that the user stopped): the command line prints
the message, one sentence, and ends with status 2. Any other exception is a failure of ours and ends with status 1.
"""

from __future__ import annotations

from compositing.errors import CompositingError


class RotoError(CompositingError):
    """Base of the errors that the rotoscoping core raises on purpose."""


class PromptError(RotoError):
    """A click, box or mask does not fit the plate or the clip."""


class ModelError(RotoError):
    """A model name, size or device is not one we know."""


class CheckpointError(ModelError):
    """A weights file is absent, damaged, or belongs to another model."""


class StoreError(RotoError):
    """A masklet store on disk is damaged or belongs to another job."""


class ShotError(RotoError):
    """A shot's folder is damaged, in use or of another version, or what is asked of a shot is not possible."""


class ExportError(RotoError):
    """A matte or an annotation cannot be exported as asked."""


class DatasetError(RotoError):
    """A data set's layout or files are wrong."""


class ServiceError(RotoError):
    """The local service cannot run, or refuses what is asked of it."""


class Cancelled(RotoError):
    """The user stopped the job."""
