"""Reading a long clip takes no more memory than reading a short one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

resource = pytest.importorskip("resource", reason="this system does not tell a process's peak memory")

_READ = """
import resource, sys
from compositing import open_footage
with open_footage(sys.argv[1]) as footage:
    for frame, view in footage.views(range(int(sys.argv[2]))):
        pass
    for frame in range(0, int(sys.argv[2]), 7):
        footage.read(frame)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_peak_memory_is_that_of_a_short_clip(coded_movie: Callable[..., Path]) -> None:
    path = coded_movie("long.mp4", 600, options={"g": "30"})

    def peak(count: int) -> int:
        command = [sys.executable, "-c", _READ, str(path), str(count)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    # 500 more pictures of 80x48 would take 5600 kB in 8 bit, 22500 kB in float.
    unit = 1024 if sys.platform == "darwin" else 1
    assert (peak(600) - peak(100)) / unit < 4000
