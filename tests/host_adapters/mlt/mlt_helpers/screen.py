"""A screen that nobody sees, and a home of their own for the programs on it.

What is waited for is what the screen shows or what a file holds, and where that does not come, the test fails with the
windows' titles, a picture of the screen and the end of what the program said.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import av
import pytest

Process = subprocess.Popen[bytes]

PATIENCE = 300
"""Seconds after which what does not come is held to come no more; on a free machine it takes five."""

FOLDERS = ("TMPDIR", *(f"XDG_{kind}" for kind in ("CONFIG_HOME", "DATA_HOME", "CACHE_HOME")))
"""Of its own: TMPDIR, too, where programs keep the locks by which they find that they crashed."""

SCREEN = ("-screen", "0", "1400x900x24", "-nolisten", "tcp")

STAYING = "-noreset"
"""Without it the server starts anew, and drops who is just coming, when its only client goes: a look at the titles."""


class Screen:
    """A screen on a free number, from ``with`` to its end; then all that was started on it is killed.

    Attributes:
        home: of the programs: settings, locks, logs and the picture lie in it.
        environment: what programs on this screen are started with.
    """

    def __init__(self, home: Path) -> None:
        self.home, self.environment = home, {**os.environ, "HOME": str(home), "LIBGL_ALWAYS_SOFTWARE": "1"}
        self.environment.pop("QT_QPA_PLATFORM", None)
        self._processes: list[Process] = []

    def __enter__(self) -> Screen:
        for name in FOLDERS:
            folder = self.home / name.lower()
            folder.mkdir(parents=True, mode=0o700)
            self.environment[name] = str(folder)
        self._short = tempfile.TemporaryDirectory(prefix="roto")
        self.environment["XDG_RUNTIME_DIR"] = self._short.name  # for sockets, whose paths are 107 letters at most
        ready, tells = os.pipe()
        words = ["Xvfb", "-displayfd", str(tells), *SCREEN, STAYING, "-fbdir", str(self.home)]
        self._start(words, self.home, "Xvfb", pass_fds=(tells,))
        os.close(tells)
        with os.fdopen(ready) as told:  # its number, when it takes clients
            self.environment["DISPLAY"] = f":{told.readline().strip()}"
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with what it started, each in a group of its own
            process.wait()
        self._short.cleanup()

    def start_bus(self) -> None:
        """Give the programs that come a session bus of their own."""
        words = ["dbus-daemon", "--session", "--nofork", "--print-address"]
        bus = self._start(words, self.home, "bus", stdout=subprocess.PIPE)
        assert bus.stdout is not None
        with bus.stdout as told:
            self.environment["DBUS_SESSION_BUS_ADDRESS"] = told.readline().decode().strip()

    def start(self, *words: str, folder: Path) -> Process:
        """A program on this screen, in a folder; what it says goes to a file of its name in the home."""
        return self._start(list(words), folder, words[0])

    def _start(
        self, words: list[str], folder: Path, name: str, stdout: int | None = None, pass_fds: tuple[int, ...] = ()
    ) -> Process:
        with (self.home / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                words,
                env=self.environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log if stdout is None else stdout,
                stderr=log,
                start_new_session=True,
                pass_fds=pass_fds,
            )
        self._processes.append(process)
        return process

    def run(self, *words: str) -> str | None:
        """What a short program says; None where it did not succeed."""
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        return done.stdout if done.returncode == 0 else None

    def titles(self) -> list[str]:
        """The titles of the windows that can be seen."""
        ids = (self.run("xdotool", "search", "--onlyvisible", "--name", ".") or "").split()
        titles = [self.run("xdotool", "getwindowname", id) for id in ids]  # None: closed since
        return [title.strip() for title in titles if title]

    def wait(self, wanted: str, program: Process, condition: Callable[[], bool]) -> None:
        """Until the condition holds. Fails where it does not come, or the program ends."""
        last = time.monotonic() + PATIENCE
        while not condition():
            if program.poll() is not None:
                pytest.fail(self._told(program, f"ended with {program.returncode} before {wanted}"))
            if time.monotonic() > last:
                pytest.fail(self._told(program, f"did not come to {wanted}"))
            time.sleep(0.2)

    def picture(self) -> Path:
        """What the screen shows, as a PNG in the home."""
        path = self.home / "screen.png"
        with av.open(str(self.home / "Xvfb_screen0"), format="xwd_pipe") as container:
            next(container.decode(video=0)).to_image().save(path)
        return path

    def _told(self, program: Process, failure: str) -> str:
        name = Path(str(program.args[0])).name if isinstance(program.args, list) else ""
        said = (self.home / f"{name}.log").read_text(errors="replace")[-2000:]
        return f"{name} {failure}; the screen shows {self.titles()}, see {self.picture()}; it said last:\n{said}"


def need(variable: str, packages: str, *programs: str) -> None:
    """Skip a test that was not asked for with the variable, or that lacks a program."""
    if not os.environ.get(variable):
        pytest.skip(f"starts an editor on a screen of its own: ask with {variable}=1")
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: on Debian, apt-get install {packages}")
