"""``.ci/hosts`` on a machine that offers nothing: it says why, leaves the reason for the tests, and is no failure."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "hosts"


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine without Debian's tools and without Python."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "mkdir", "rm", "cat", "touch"):
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"no {name} on this machine")
        (tools / name).symlink_to(found)
    copy = tmp_path / "repository" / ".ci" / "hosts"
    copy.parent.mkdir(parents=True)
    shutil.copy(SCRIPT, copy)
    return {"PATH": str(tools), "SCRIPT": str(copy)}


def run(bare: dict[str, str], *names: str) -> subprocess.CompletedProcess[str]:
    words = [f"{bare['PATH']}/bash", bare["SCRIPT"], *names]
    return subprocess.run(words, env={"PATH": bare["PATH"]}, capture_output=True, text=True, check=False)


def test_what_cannot_be_installed_is_told_and_no_failure(bare: dict[str, str], tmp_path: Path) -> None:
    done = run(bare, "mlt", "bpy-5.0")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "hosts: no mlt: it comes from Debian's packages (melt python3-mlt frei0r-plugins); its tests will skip",
        "hosts: no bpy-5.0: Blender's module needs Python 3.11; its tests will skip",
    ]
    reason = tmp_path / "repository" / ".hosts" / "bpy-5.0.reason"
    assert reason.read_text() == "Blender's module needs Python 3.11\n"


def test_a_reason_goes_with_its_cause(bare: dict[str, str], tmp_path: Path) -> None:
    hosts = tmp_path / "repository" / ".hosts"
    (hosts / "bpy-5.0").mkdir(parents=True)
    (hosts / "bpy-5.0" / "installed-5.0.1").touch()
    (hosts / "bpy-5.0.reason").write_text("it was offline")
    done = run(bare, "bpy-5.0")
    assert (done.returncode, done.stdout) == (0, "")
    assert not (hosts / "bpy-5.0.reason").exists()


def test_a_name_that_is_not_known_is_told(bare: dict[str, str]) -> None:
    done = run(bare, "nuke")
    assert (done.returncode, done.stdout) == (0, "hosts: 'nuke' is not one of bpy-4.5, bpy-5.0, mlt\n")
