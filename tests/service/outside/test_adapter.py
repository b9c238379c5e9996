"""Every kind of thing that an adapter can place, made by the real service."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from host_adapters.adapter import Clip, Delivery, HostAdapter
from host_adapters.client import Client

pytestmark = pytest.mark.slow

DISC = {"object": "disc", "frame": 11, "points": [(24 + 2 * 11, 32, True)]}
BOX = {"object": "box", "frame": 11, "points": [(74 - 2 * 11, 48, True)]}
SETTINGS = {"model": "nano", "image_size": 64}


class Tray(HostAdapter):
    """A host that takes everything. Its clip is trimmed to three frames."""

    name = "the tray"

    def __init__(self, plate: Path) -> None:
        self.clip = Clip("sh010", str(plate), 10, 12, "24/1")
        self.placed: list[Delivery] = []

    def current_clip(self) -> Clip:
        return self.clip

    def current_frame(self) -> int:
        return 11

    def place_matte(self, clip: Clip, delivery: Delivery) -> None:
        assert clip == self.clip
        self.placed.append(delivery)

    place_splines = place_composite = place_matte


@pytest.fixture
def tray(footage: Path) -> Tray:
    return Tray(footage)


def place(tray: Tray, client: Client, prompts: list[Any], output: Path, **wish: Any) -> Delivery:
    """What was placed once the clip is done."""
    rotoscoping = tray.rotoscope(client, prompts, str(output), settings=SETTINGS, **wish)
    while not rotoscoping.poll():
        time.sleep(0.05)
    assert rotoscoping.job["state"] == "done"
    return tray.placed[-1]


def test_a_clip_comes_back_as_mattes_splines_and_composite(client: Client, tray: Tray, tmp_path: Path) -> None:
    output = tmp_path / "roto"
    mattes = place(tray, client, [DISC, BOX], output)
    assert mattes.objects == ["disc", "box"]
    for name in mattes.objects:
        names = [f"shot_matte_{name}.{frame:04d}.exr" for frame in (10, 11, 12)]
        assert [Path(path).name for path in mattes.of(name)] == names
    assert all(Path(path).is_file() for path in mattes.files)

    splines = place(tray, client, [], output, kind="splines")  # the same shot goes on: nothing is said anew
    assert splines.shot["id"] == mattes.shot["id"]
    [path] = splines.of("disc", ".json")
    assert json.loads(Path(path).read_text())

    composite = place(tray, client, [], output, kind="composite", background="#204080")
    assert [Path(path).name for path in composite.files] == [
        f"sh010_composite.{frame:04d}.exr" for frame in (10, 11, 12)
    ]


def test_a_clip_of_other_frames_goes_on_with_the_shot(client: Client, tray: Tray, tmp_path: Path) -> None:
    first = place(tray, client, [DISC], tmp_path / "roto")
    tray.clip = tray.clip._replace(last=13)
    second = place(tray, client, [], tmp_path / "roto")
    assert (first.shot["range"], second.shot["range"]) == ([10, 12], [10, 13])
    assert len(second.of("disc")) == 4
