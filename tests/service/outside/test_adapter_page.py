"""The adapter that the documentation shows, its page run as it stands: from a click to a matte that is placed."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compositing.footage import open_footage
from host_adapters.client import Client

pytestmark = pytest.mark.slow

PAGE = Path(__file__).resolve().parents[3] / "docs" / "hosts" / "index.md"


def test_the_page_on_adapters_works(tmp_path: Path, shot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAM2_ROTO_COMMAND", shlex.join([sys.executable, "-m", "sam2_roto"]))
    monkeypatch.setenv("SAM2_ROTO_RUNTIME", str(tmp_path / "run"))
    monkeypatch.setenv("SAM2_ROTO_STATE", str(tmp_path / "state"))
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "disc.mp4").write_bytes(shot.read_bytes())
    client, adapter, flow = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    compile(client, str(PAGE), "exec")
    names: dict[str, Any] = {"folder": folder}
    try:
        exec(compile(adapter, str(PAGE), "exec"), names)
        exec(compile(flow, str(PAGE), "exec"), names)
    finally:
        Client().shutdown()
    noted = [line.split("\t") for line in (folder / "mattes.txt").read_text().splitlines()]
    assert [name for name, _ in noted] == ["disc"] * 6
    rows, columns = np.mgrid[:64, :96]
    with open_footage(Path(noted[0][1])) as mattes:
        for frame in mattes.frames:
            inside = mattes.read(frame).on_display().pixels[0].numpy() > 0.5
            disc = (columns - 24 - 2 * frame) ** 2 + (rows - 32) ** 2 < 12**2
            assert (disc & inside).sum() > 0.8 * (disc | inside).sum(), frame
