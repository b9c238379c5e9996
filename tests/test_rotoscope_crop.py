"""A whole job with ``crop`` auto: a small object in windows beside a large one on the whole plate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
import torch

from compositing.footage.writer import write_movie
from sam2_roto import following, rotoscope
from sam2_roto.errors import Cancelled, StoreError
from sam2_roto.export.dataset import Layout, export_dataset
from sam2_roto.job import Box, Click, RotoscopeJob
from sam2_roto.masklets import MaskletStore
from sam2_roto.mattes.alpha import mask_from_logits
from sam2_roto.tracking.crop_tracker import CropMemory
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.window import Window

WIDTH, HEIGHT, FRAMES = 240, 160, 4


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, random_weights: Path) -> RotoscopeJob:
    """A finished job."""
    folder = tmp_path_factory.mktemp("crop")
    views = np.random.default_rng(2).integers(60, 120, (FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8)
    for frame, view in enumerate(views):
        view[20:140, 100:230] = (40, 60, 230)
        view[60:72, 30 + 2 * frame : 42 + 2 * frame] = (230, 40, 40)
    write_movie(folder / "shot.mp4", views, 24)
    made = RotoscopeJob(
        footage=folder / "shot.mp4",
        output=folder / "out",
        prompts=(Box("bird", 0, 30, 60, 42, 72), Box("barn", 0, 100, 20, 230, 140)),
        model=str(random_weights),
        image_size=64,
        device="cpu",
    )
    rotoscope(made)
    return made


def test_only_the_small_object_has_windows_and_both_have_mattes(job: RotoscopeJob) -> None:
    with MaskletStore.load(job.output / "masklets") as store:
        cropped = store.read_cropped("bird", 0)
        bird, barn = store.read("bird", 0), store.read("barn", 0)
        assert cropped is not None
        assert cropped[0].width < WIDTH / 2
        assert bird is not None
        assert barn is not None
        assert bird.logits.shape != barn.logits.shape
        for frame in range(FRAMES):  # with random weights the object soon fills its window, which then grows
            assert store.read_cropped("bird", frame) is not None
            assert store.read_cropped("barn", frame) is None
    for frame in range(FRAMES):
        with OpenEXR.File(str(job.output / f"shot_matte.{frame:04d}.exr"), separate_channels=True) as file:
            assert set(file.channels()) == {"bird.A", "barn.A"}


@pytest.mark.parametrize("layout", ["sav", "davis", "coco"])
def test_annotations_of_both(job: RotoscopeJob, tmp_path: Path, layout: Layout) -> None:
    with MaskletStore.load(job.output / "masklets") as store:
        written = export_dataset(store, tmp_path, layout, "shot", pictures=False, progress=lambda *_: None)
    assert written
    assert all(path.exists() for path in written)


def test_masklets_of_another_crop_are_another_job(job: RotoscopeJob) -> None:
    with pytest.raises(StoreError, match="other crop"):
        rotoscope(replace(job, crop="none"))


def test_a_window_with_a_late_correction_keeps_a_few_results(job: RotoscopeJob, tmp_path: Path) -> None:
    kept: list[int] = []

    class Counted(CropMemory):
        def write_cropped(self, name: str, frame: int, window: Window, result: ObjectFrame) -> None:
            super().write_cropped(name, frame, window, result)
            kept.append(len(self.kept))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(following, "CropMemory", Counted)
        patch.setattr(following, "RECENT", 1)
        late = (*job.prompts[:1], Click("bird", 3, 42, 66))
        rotoscope(replace(job, prompts=late, output=tmp_path / "out"))
    assert max(kept) == 2  # the first prompt and the latest, whose place the correction takes


def test_what_is_kept_is_read_through_once(job: RotoscopeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    missing = MaskletStore.missing

    def noted(store: MaskletStore, name: str) -> list[int]:
        asked.append(name)
        return missing(store, name)

    monkeypatch.setattr(MaskletStore, "missing", noted)
    assert rotoscope(job).tracked == 0
    assert sorted(asked) == ["barn", "bird"]


@pytest.fixture(scope="module")
def rod(tmp_path_factory: pytest.TempPathFactory) -> RotoscopeJob:
    """A long rod that turns, beside a disc, to be followed by the embedded network."""
    folder = tmp_path_factory.mktemp("rod")
    views = np.full((FRAMES, 288, 512, 3), (70, 100, 60), np.uint8)
    for frame, view in enumerate(views):
        cv2.line(view, (30, 60 + 4 * frame), (480, 200 - 4 * frame), (230, 40, 40), 5)
        cv2.circle(view, (120 + 3 * frame, 230), 40, (40, 60, 230), -1)
    write_movie(folder / "shot.mp4", views, 24)
    prompts = (Box("rod", 0, 27, 57, 483, 203), Box("disc", 0, 80, 190, 160, 270))
    return RotoscopeJob(footage=folder / "shot.mp4", output=folder / "out", prompts=prompts, device="cpu")


def test_a_thin_thing_is_followed_in_a_larger_picture(rod: RotoscopeJob) -> None:
    rotoscope(rod)
    truth = np.zeros((288, 512), np.uint8)
    cv2.line(truth, (30, 60 + 4 * (FRAMES - 1)), (480, 200 - 4 * (FRAMES - 1)), 1, 5)
    with MaskletStore.load(rod.output / "masklets") as store:
        for frame in range(FRAMES):
            thin, thick = store.sight("rod", frame), store.sight("disc", frame)
            assert thin is not None
            assert thick is not None
            assert thin.side > 384
            assert thin.window == Window(0, 0, 512, 288)
            assert thick.side == 384
            assert thick.window is not None
        last = store.read("rod", FRAMES - 1)
    assert last is not None
    matte = mask_from_logits(last.logits, (288, 512)).numpy()
    assert (matte & (truth > 0)).sum() / (matte | (truth > 0)).sum() > 0.7


def test_a_thin_thing_that_was_left_is_taken_up_as_finely(rod: RotoscopeJob, tmp_path: Path) -> None:
    def stop(stage: str, done: int, _: int) -> None:
        if (stage, done) == ("track", 2):
            raise Cancelled("stop")

    whole, cut = replace(rod, output=tmp_path / "whole"), replace(rod, output=tmp_path / "cut")
    rotoscope(whole)
    with pytest.raises(Cancelled):
        rotoscope(cut, stop)
    assert 0 < rotoscope(cut).tracked < FRAMES
    with MaskletStore.load(whole.output / "masklets") as one, MaskletStore.load(cut.output / "masklets") as other:
        for frame in range(FRAMES):
            first, second = one.sight("rod", frame), other.sight("rod", frame)
            assert first is not None
            assert second is not None
            assert first.window == second.window
            torch.testing.assert_close(first.result.logits, second.result.logits, atol=0.02, rtol=0)
