"""A job: what a client asked for that takes its time, and how far it is."""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Work = Literal["track", "export", "composite"]
State = Literal["queued", "running", "done", "failed", "cancelled"]

FINAL: frozenset[str] = frozenset(("done", "failed", "cancelled"))


@dataclass
class Job:
    """One line of the table of jobs; times are seconds since 1970."""

    shot: str
    kind: Work
    options: dict[str, Any] = field(default_factory=dict)
    """What the client asked for, as JSON; paths as they were given."""
    priority: int = 0
    """The higher comes first; among equals, the older."""
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    state: State = "queued"
    stage: str = ""
    """What is being done: ``cuts``, ``correct``, ``track``, ``write``, ``render``."""
    done: int = 0
    total: int = 0
    created: float = field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None
    error: str | None = None
    result: dict[str, Any] | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state in FINAL

    def to_json(self) -> dict[str, Any]:
        """As clients see it."""
        return {name: value for name, value in asdict(self).items() if name != "options"}
