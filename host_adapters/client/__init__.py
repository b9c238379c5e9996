"""Talk to the local sam2-roto service from inside a host: the standard library alone, Python 3.9 and later.

    client = Client()  # finds the service, or starts it with the first call
    client.open_folder("/shots/sh010")
    shot = client.new_shot("/shots/sh010/plate.mov")["id"]
    client.prompt(shot, "dog", 0, points=[(410, 250, True)])
    done = client.wait(client.export(shot, "/shots/sh010/mattes"), progress=print)
    print(done["result"]["files"])

Copy this folder into any host. It keeps no torch, no numpy and no pixels in the host's process, goes straight to
127.0.0.1 without any proxy, and may be used from several threads at once. Answers are the service's JSON as plain
dicts, pictures are the bytes of a PNG. Frames are numbered as the footage is, coordinates are pixels of the plate.

In a host whose interface must not wait, give the work to a ``Task`` and ask its ``poll`` from a timer.
"""

from __future__ import annotations

from .calls import Client
from .discovery import find_command, runtime_folder
from .errors import Cancelled, JobFailed, NotRunning, Refused, ServiceError, TimedOut, WrongVersion
from .task import Task

__all__ = [
    "Cancelled",
    "Client",
    "JobFailed",
    "NotRunning",
    "Refused",
    "ServiceError",
    "Task",
    "TimedOut",
    "WrongVersion",
    "find_command",
    "runtime_folder",
]
