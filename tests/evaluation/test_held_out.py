"""The held-out set: a perfect segmenter gets 1, a blind one next to nothing, and the set is the same each time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from sam2_roto.errors import DatasetError
from sam2_roto.evaluation import held_out
from sam2_roto.evaluation.evaluate import Masks, Prompts
from sam2_roto.evaluation.held_out import evaluate_held_out, held_out_clips
from sam2_roto.tracking import FrameSource
from sam2_roto.training.clips import HELD_OUT_SEEDS, TextureLibrary
from sam2_roto.training.clips.library import procedural_library


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures, made in no time."""
    monkeypatch.setattr(held_out, "SIDE", 64)


@pytest.fixture(scope="module")
def library() -> TextureLibrary:
    return procedural_library()


class Oracle:
    """Knows the labels of the clips in their order, and answers with them, or with nothing at all."""

    def __init__(self, library: TextureLibrary, count: int, frames: int, blind: bool = False) -> None:
        self.clips = iter(list(held_out_clips(library, count, frames)))
        self.blind = blind
        self.prompts: list[Prompts] = []

    def __call__(self, source: FrameSource, prompts: Prompts) -> Iterator[tuple[int, Masks]]:
        clip = next(self.clips)[2]
        self.prompts.append(prompts)
        for frame in source.frames:
            yield frame, {} if self.blind else {name: clip.labels[frame] == int(name) for name in prompts}


def test_perfect_masks_score_one_in_every_difficulty(library: TextureLibrary) -> None:
    oracle = Oracle(library, 5, 4)
    told: list[tuple[int, int]] = []
    report = evaluate_held_out(oracle, library, "box", 5, 4, progress=lambda *pair: told.append(pair))
    assert list(report.objects) == ["plain", "occlusion", "distractors", "thin"]
    assert {entry.clip for entry in report.objects["plain"]} == {"0", "4"}
    assert all(report.mean(name).jf == 1.0 for name in (*report.objects, None))
    assert all(set(entry.frames) == {1, 2} for entries in report.objects.values() for entry in entries)
    assert told[-1] == (5, 5)
    assert all(said[0].box is not None for prompts in oracle.prompts for said in prompts.values())
    assert report.table().count("1.0000") == 15
    json.dumps(report.to_json())


def test_a_blind_segmenter_scores_low(library: TextureLibrary) -> None:
    report = evaluate_held_out(Oracle(library, 4, 4, blind=True), library, "mask", 4, 4)
    assert report.mean().jf < 0.5


def test_the_set_is_the_same_each_time_and_held_out(library: TextureLibrary) -> None:
    first = list(held_out_clips(library, 3, 3))
    longer = list(islice(held_out_clips(library, 200, 3), 3))
    assert [seed for _, seed, _ in first] == [seed for _, seed, _ in longer]
    assert all(seed in HELD_OUT_SEEDS for _, seed, _ in first)
    for (_, _, one), (_, _, other) in zip(first, longer, strict=True):
        assert np.array_equal(one.frames, other.frames)
        assert np.array_equal(one.labels, other.labels)


def test_impossible_counts_are_told(library: TextureLibrary) -> None:
    with pytest.raises(DatasetError, match="three frames"):
        evaluate_held_out(Oracle(library, 1, 2), library, "mask", 1, 2)


def test_the_command_measures_a_weights_file(
    random_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAM2_ROTO_CACHE", str(tmp_path))
    out = tmp_path / "report.json"
    words = ["held_out", "--model", str(random_weights), "--size", "64", "--clips", "2", "--frames", "3", "-q"]
    monkeypatch.setattr("sys.argv", [*words, "--device", "cpu", "--prompt", "click", "--json", str(out)])
    assert held_out.main() == 0
    assert "overall" in capsys.readouterr().out
    found = json.loads(out.read_text())
    assert found["prompt"] == "click"
    assert found["overall"]["clips"] == 2
