"""Blender as a module in environments of its own, a live service, and a short plate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from compositing.footage import open_footage
from host_adapters.blender.build import build
from host_adapters.client import Client
from sam2_roto.demo import CLICK, demo_clip

REPOSITORY = Path(__file__).resolve().parents[3]
INSIDE = Path(__file__).with_name("inside")
LIMIT_S = 400

WIDTH, HEIGHT, FIRST, FRAMES = 480, 270, 1001, 10
CARP = (CLICK[0] / 2, CLICK[1] / 2)
"""A pixel of the small plate's first frame that lies on the carp."""


@dataclass(frozen=True)
class Blender:
    """A Python that has bpy, and the folder in which it keeps its settings."""

    name: str
    python: Path
    home: Path

    def run(self, script: str, **asked: Any) -> dict[str, Any]:
        """Run a script inside Blender; what it tells in its last line."""
        environment = {**os.environ, "BLENDER_USER_RESOURCES": str(self.home), "OMP_NUM_THREADS": "1"}
        words = [str(self.python), str(INSIDE / script), json.dumps({"repository": str(REPOSITORY), **asked})]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=LIMIT_S)
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return told


@pytest.fixture(scope="session", params=["bpy-4.5", "bpy-5.0"])
def blender(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Blender:
    """One Blender after the other; the test is skipped, visibly, where it is absent."""
    python = REPOSITORY / ".hosts" / request.param / "bin" / "python"
    reason = REPOSITORY / ".hosts" / f"{request.param}.reason"
    if not python.exists() or reason.exists():
        why = reason.read_text(encoding="utf-8").strip() if reason.exists() else "run 'make hosts'"
        pytest.skip(f"no {request.param}: {why}")
    return Blender(request.param, python, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip that artists install."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first frames of the demo clip at half size, as PNG numbered from 1001; gives the first file."""
    folder = tmp_path_factory.mktemp("plate")
    footage = open_footage(demo_clip())
    for index in range(FRAMES):
        small = cv2.resize(footage.view(index), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"carp.{FIRST + index}.png"), small[..., ::-1])
    return folder / f"carp.{FIRST}.png"


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The command that starts the service in a folder of this run's own; what was started is ended at the end."""
    folder = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAM2_ROTO_RUNTIME", str(folder / "run"))
        patch.setenv("SAM2_ROTO_STATE", str(folder / "state"))
        patch.setenv("OMP_WAIT_POLICY", "PASSIVE")
        yield f"{sys.executable} -m sam2_roto"
        Client(start=False).shutdown()


def pixels(path: Path | str) -> NDArray[np.float32]:
    """All channels of a picture, float32 ``[H, W, C]``; 8 and 16 bits become 0 to 1."""
    import OpenImageIO as oiio

    held: NDArray[np.float32] = oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT)
    return held


def linear(encoded: NDArray[np.float32]) -> NDArray[np.float32]:
    """sRGB to linear (IEC 61966-2-1)."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def overlap(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Intersection over union of two mattes at a half."""
    first, second = one > 0.5, other > 0.5
    return float((first & second).sum() / max((first | second).sum(), 1))
