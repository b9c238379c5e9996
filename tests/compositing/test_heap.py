"""Memory that was given back is kept for what is asked for next."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
import torch
from compositing.heap import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
for _ in range(3):
    torch.zeros(12 << 20).add(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(30):
    torch.zeros(12 << 20).add(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(word: str) -> int:
    """Pages that a new process is given while it makes and drops pictures of 48 MiB."""
    done = subprocess.run([sys.executable, "-c", _FAULTS, word], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_freed_memory_is_used_again() -> None:
    assert faults("kept") * 4 < faults("returned")
