"""How a service runs: its folders, limits and devices, as plain data."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sam2_roto.errors import ServiceError

PROTOCOL = 1
"""Version of the interface under ``/v1``."""

NAME = "sam2-roto"

HOSTS = frozenset(("127.0.0.1", "localhost"))
"""What this machine calls itself: where a service listens, and what those who call it may name."""

RUNTIME_VARIABLE, STATE_VARIABLE = "SAM2_ROTO_RUNTIME", "SAM2_ROTO_STATE"


@dataclass(frozen=True)
class Settings:
    """Settings of one service.

    Attributes:
        runtime: folder of the lock and of ``service.json``, by which clients find the service.
        state: folder of what outlives the service: the table of jobs, opened folders, shots, logs.
        host: address to listen on; loopback alone is possible, one of ``HOSTS``.
        port: 0 takes any that is free.
        idle: seconds without a request or a job after which the service ends by itself; 0 is never.
        devices: devices for jobs, ``auto`` or as torch names them; prompts are answered on the first.
        jobs: jobs that run at a time on each device.
        origins: web origins that may call the service, such as ``http://localhost:3000``.
        largest_body: bytes of a request's body.
        grace: seconds that a cancelled job has to stop at a frame's end, before its process is killed.
        warm: shots that are held open, with their footage.

    Raises ServiceError where a value is not possible.
    """

    runtime: Path = field(default_factory=lambda: runtime_folder())
    state: Path = field(default_factory=lambda: state_folder())
    host: str = "127.0.0.1"
    port: int = 0
    idle: float = 900.0
    devices: tuple[str, ...] = ("auto",)
    jobs: int = 1
    origins: tuple[str, ...] = ()
    largest_body: int = 1 << 20
    grace: float = 10.0
    warm: int = 8

    def __post_init__(self) -> None:
        if self.host not in HOSTS:
            raise ServiceError(f"a service listens on this machine alone, not on '{self.host}'; give 127.0.0.1")
        if not 0 <= self.port < 1 << 16:
            raise ServiceError(f"the port {self.port} is not possible; give 1 to 65535, or 0 for any that is free")
        if not self.idle >= 0:
            raise ServiceError(f"{self.idle:g} idle seconds are not possible; give 0 or more")
        if self.jobs < 1 or not self.devices:
            raise ServiceError("a service needs a device and one job at a time at least; give --jobs 1 or more")
        for origin in self.origins:
            scheme, slashes, rest = origin.partition("://")
            if not (scheme and slashes and rest) or "/" in rest or "*" in origin:
                raise ServiceError(f"'{origin}' is no web origin; write it like http://localhost:3000")

    @property
    def shots(self) -> Path:
        """Where shots are kept that were given no folder."""
        return self.state / "shots"

    @property
    def logs(self) -> Path:
        """Where the service and its workers write what went wrong."""
        return self.state / "logs"


def runtime_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """``$SAM2_ROTO_RUNTIME``, else the platform's folder for what lives as long as the user's session."""
    if named := environment.get(RUNTIME_VARIABLE):
        return Path(named).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / NAME / "run"
    if sys.platform == "win32":
        return _local_data(environment) / NAME / "run"
    given = Path(environment.get("XDG_RUNTIME_DIR", ""))  # relative counts as unset (XDG base directories 0.8)
    return given / NAME if given.is_absolute() else Path.home() / ".cache" / NAME / "run"


def state_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """``$SAM2_ROTO_STATE``, else the platform's folder for a user's data."""
    if named := environment.get(STATE_VARIABLE):
        return Path(named).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / NAME
    if sys.platform == "win32":
        return _local_data(environment) / NAME / "state"
    given = Path(environment.get("XDG_DATA_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".local" / "share") / NAME


def _local_data(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
