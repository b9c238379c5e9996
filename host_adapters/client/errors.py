"""What can go wrong between a host and the service; each message is one sentence for the artist.

ServiceError
├── NotRunning      no service, none to be started, or it ended while it worked
├── WrongVersion    a service of another protocol
├── Refused         the service said no; ``kind`` and ``status`` tell why
├── TimedOut        no answer, or no end, in the time that was given
└── JobFailed       the job ended with an error; ``job`` is its last state
    └── Cancelled   the job was cancelled
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing takes longer than importing this client
if TYPE_CHECKING:
    from typing import Any


class ServiceError(Exception):
    """The service, or the way to it, is at fault."""


class NotRunning(ServiceError):
    """There is no service, or it has gone."""


class WrongVersion(ServiceError):
    """The service speaks another protocol."""


class TimedOut(ServiceError):
    """It took longer than allowed."""


class Refused(ServiceError):
    """The service said no. ``kind`` is its word for the reason ('prompt', 'path', …), ``status`` that of HTTP."""

    def __init__(self, message: str, kind: str = "internal", status: int = 500) -> None:
        super().__init__(message)
        self.kind, self.status = kind, status


class JobFailed(ServiceError):
    """A job ended with an error. ``job`` is its last state."""

    def __init__(self, message: str, job: dict[str, Any]) -> None:
        super().__init__(message)
        self.job = job


class Cancelled(JobFailed):
    """A job was cancelled."""
