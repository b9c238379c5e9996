"""Where a running service tells of itself, and how one is started."""

from __future__ import annotations

import os
import sys
import time

from .errors import NotRunning

TYPE_CHECKING = False  # importing typing takes longer than importing this client
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence
    from typing import Any

LOG = "client.log"
"""What a service that was started here says, in the runtime folder."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")

_POLL_S = 0.1
_GRACE_S = 15.0
_children: list[subprocess.Popen[bytes]] = []


def runtime_folder() -> str:
    """The folder in which a running service tells of itself, in ``service.json``; the service looks at the same."""
    named = os.environ.get("SAM2_ROTO_RUNTIME")
    if named:
        return os.path.expanduser(named)
    home = os.path.expanduser("~")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Caches", "sam2-roto", "run")
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
        return os.path.join(local, "sam2-roto", "run")
    given = os.environ.get("XDG_RUNTIME_DIR", "")  # relative counts as unset (XDG base directories 0.8)
    return (
        os.path.join(given, "sam2-roto") if os.path.isabs(given) else os.path.join(home, ".cache", "sam2-roto", "run")
    )


def read_endpoint(runtime: str) -> dict[str, Any] | None:
    """What ``service.json`` says (host, port, token, pid, …); None where there is none that could be true.

    Raises NotRunning where the file belongs to another user or points to another machine: it is not ours to trust.
    """
    import json

    path = os.path.join(runtime, "service.json")
    try:
        with open(path, encoding="utf-8") as file:
            owner = os.fstat(file.fileno()).st_uid
            found = json.load(file)
    except (OSError, ValueError):  # none yet, or one that is just being written
        return None
    if hasattr(os, "getuid") and owner != os.getuid():
        raise NotRunning(f"{path} was written by another user; name a folder of your own in SAM2_ROTO_RUNTIME")
    if not isinstance(found, dict) or not isinstance(found.get("port"), int) or not isinstance(found.get("token"), str):
        return None
    if found.get("host") not in LOOPBACK:
        raise NotRunning(
            f"{path} names the host {found.get('host')!r}; a service runs on this machine, remove the file"
        )
    return found


def find_command(command: str | Sequence[str] | None = None) -> list[str]:
    """The words that run sam2-roto: ``command``, $SAM2_ROTO_COMMAND, PATH, or this Python if it has the package.

    Raises NotRunning, saying how to install it, where there is none.
    """
    import importlib.util
    import shlex
    import shutil

    given = command or os.environ.get("SAM2_ROTO_COMMAND")
    if isinstance(given, str):
        # The path of a program may hold spaces; what is no file is a line of words.
        return [given] if os.path.isfile(given) else shlex.split(given, posix=os.name != "nt")
    if given:
        return [os.fspath(word) for word in given]
    found = shutil.which("sam2-roto")
    if found:
        return [found]
    # In many hosts sys.executable is the host itself, which runs no module.
    is_python = os.path.basename(sys.executable or "").lower().startswith("python")
    if is_python and sys.version_info >= (3, 11) and importlib.util.find_spec("sam2_roto"):
        return [sys.executable, "-m", "sam2_roto"]
    raise NotRunning(
        "sam2-roto was not found; install it with 'pip install sam2-roto' in a Python of its own, "
        "and name its command in SAM2_ROTO_COMMAND or in the settings of this host"
    )


def start_service(
    command: Sequence[str], runtime: str, idle: float, patience: float, ready: Callable[[], bool]
) -> None:
    """Start a service that outlives this process, and return when ``ready()``.

    Two hosts may do so at once: one of the two services gives way, and both hosts find the other one.
    Raises NotRunning with the service's own words where it ends at once, or is not ready after ``patience`` seconds.
    """
    log = os.path.join(runtime, LOG)
    child = _launch([*command, "serve", "--idle", f"{idle:g}"], runtime, log)
    deadline = time.monotonic() + patience
    while not ready():
        status = child.poll()
        if status == 2:  # perhaps because another one was faster, which may still be loading
            deadline = min(deadline, time.monotonic() + min(patience, _GRACE_S))
        if status is not None and (status != 2 or time.monotonic() > deadline):
            raise NotRunning(f"sam2-roto ended with status {status} when it was started: {_last_words(log)}")
        if time.monotonic() > deadline:
            raise NotRunning(f"sam2-roto was started and is not ready after {patience:g} s; see {log}")
        time.sleep(_POLL_S)


def await_end(runtime: str, endpoint: dict[str, Any], patience: float) -> bool:
    """Wait until a service that was told to end has taken its ``service.json`` away; whether it did so in time."""
    deadline = time.monotonic() + patience
    while read_endpoint(runtime) == endpoint and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    for child in _children:
        while child.pid == endpoint.get("pid") and child.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    return time.monotonic() < deadline


def _launch(words: Sequence[str], runtime: str, log: str) -> subprocess.Popen[bytes]:
    """A process of its own session, with the host's Python settings taken away: they are for another Python."""
    import atexit
    import subprocess

    os.makedirs(runtime, mode=0o700, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    environment["SAM2_ROTO_RUNTIME"] = runtime
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    _children[:] = [child for child in _children if child.poll() is None]
    try:
        with open(log, "wb") as said:
            child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=environment,
                cwd=os.path.expanduser("~"),
                start_new_session=True,
                creationflags=flags,
            )
    except OSError as error:
        raise NotRunning(f"'{words[0]}' cannot be run ({error.strerror}); name the command of sam2-roto") from error
    if not _children:
        atexit.register(_let_go)
    _children.append(child)  # kept, so that an ended one can be waited for
    return child


def _let_go() -> None:
    """At the end of the host: the service outlives it on purpose, and Python need not complain of that."""
    for child in _children:
        if child.poll() is None:
            child.returncode = 0


def _last_words(log: str) -> str:
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    return lines[-1] if lines else f"it said nothing, see {log}"
