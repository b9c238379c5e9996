"""``sam2-roto demo``: its figures are those of the delivered mattes, and its status says whether they are good."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from compositing.image import Window
from sam2_roto.checkpoints import find
from sam2_roto.cli import main
from sam2_roto.demo import CLICK, demo_truth
from sam2_roto.export.exr import write_matte
from sam2_roto.export.metadata import PlateMetadata
from sam2_roto.job import Click, RotoscopeJob, RotoscopeResult


def from_truth(moved: int) -> object:
    """A stand-in for ``rotoscope`` that writes the truth, moved to the right, as mattes."""

    def run(job: RotoscopeJob, progress: object) -> RotoscopeResult:
        assert job.prompts == (Click("carp", 0, *CLICK),)
        assert callable(progress)
        job.output.mkdir()
        paths = []
        for frame, mask in enumerate(demo_truth()):
            paths.append(job.output / f"demo_matte.{frame:04d}.exr")
            matte = np.roll(mask, moved, axis=1).astype(np.float32)
            write_matte(paths[-1], {"carp": matte}, metadata=PlateMetadata(Window(0, 0, 960, 540)))
        return RotoscopeResult(tuple(paths), {"carp": ()}, "nano", 384, len(paths))

    return run


@pytest.mark.parametrize(("moved", "status"), [(0, 0), (60, 1)])
def test_status_says_whether_the_mattes_fit(
    moved: int, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import_module("sam2_roto.rotoscoping")
    monkeypatch.setattr(sys.modules["sam2_roto.rotoscoping"], "rotoscope", from_truth(moved))
    assert main(["demo", "-o", str(tmp_path / "out"), "--json"]) == status
    said = capsys.readouterr()
    told = json.loads(said.out)
    truth = demo_truth()
    other = np.roll(truth, moved, axis=2)
    by_hand = [(a & b).sum() / (a | b).sum() for a, b in zip(truth, other, strict=True)]
    assert told["J"] == pytest.approx(np.mean(by_hand))
    assert len(told["frames"]) == 60
    assert ("0.85 is wanted" in said.err) == (status == 1)
    assert len(said.err.splitlines()) == status


def test_random_weights_do_not_pass(random_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"demo -o {tmp_path}/out --range 0-2 --model {random_weights} --image-size 64 --device cpu"
    assert main(words.split()) == 1
    said = capsys.readouterr()
    assert "0.85 is wanted" in said.err
    assert "3 mattes from one click with nano" in said.out
    assert "against the truth" in said.out
    assert len(list((tmp_path / "out").glob("*.exr"))) == 3
    assert (tmp_path / "out" / "overlay.mp4").is_file()
    assert (tmp_path / "out" / "contact_sheet.png").is_file()


@pytest.mark.slow
@pytest.mark.skipif(find("nano") is None, reason="the embedded weights are not in the package")
def test_the_embedded_network_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "-o", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["J"] >= 0.85
