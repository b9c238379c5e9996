"""Evaluation: data set layouts, simulated prompts, rounds, reports and strips, with segmenters made for the purpose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from compositing.footage.writer import MovieWriter
from sam2_roto.errors import DatasetError
from sam2_roto.evaluation.datasets import open_clips, open_dataset
from sam2_roto.evaluation.davis import Mask
from sam2_roto.evaluation.evaluate import ClipResult, Masks, Prompts, evaluate, evaluate_clip
from sam2_roto.evaluation.masks import open_masks
from sam2_roto.evaluation.prompts import corrective_click, first_prompt, heart, tight_box
from sam2_roto.evaluation.strip import error_picture, write_strip
from sam2_roto.export.annotations import Annotations
from sam2_roto.export.contact import spread
from sam2_roto.export.indexed import write_indexed
from sam2_roto.export.preview import object_color
from sam2_roto.export.sav import write_sav
from sam2_roto.tracking import FrameSource

HEIGHT, WIDTH = 48, 64
Truth = dict[int, dict[str, Mask]]


def box(x0: int, y0: int, x1: int, y1: int) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def truth(frames: int = 6) -> Truth:
    """Object 1 moves right on every frame; object 2 comes in on frame 2."""
    found: Truth = {}
    for frame in range(frames):
        found[frame] = {"1": box(4 + frame, 8, 24 + frame, 28)}
        if frame >= 2:
            found[frame]["2"] = box(44, 30, 60, 44 - frame)
    return found


def write_frames(folder: Path, frames: int = 6, first: int = 0) -> Path:
    folder.mkdir(parents=True)
    for frame in range(first, first + frames):
        Image.new("RGB", (WIDTH, HEIGHT), (20 * (frame % 10), 90, 90)).save(folder / f"{frame:05d}.jpg")
    return folder


def packed(masks: Truth) -> Annotations:
    found = Annotations(WIDTH, HEIGHT)
    for frame, entry in masks.items():
        found.add(frame, entry)
    return found


def write_masks(folder: Path, masks: Truth) -> Path:
    write_indexed(folder, packed(masks))
    return folder


@pytest.fixture
def plain(tmp_path: Path) -> tuple[Path, Path]:
    return write_frames(tmp_path / "shot" / "frames"), write_masks(tmp_path / "shot" / "masks", truth())


class Recorder:
    """Gives prepared masks, and remembers the prompts of each call."""

    def __init__(self, masks: Truth) -> None:
        self.masks, self.calls = masks, list[Prompts]()

    def __call__(self, source: FrameSource, prompts: Prompts) -> Iterator[tuple[int, Masks]]:
        self.calls.append(prompts)
        for frame, view in source.views(source.frames):
            assert view.shape == (HEIGHT, WIDTH, 3)
            yield frame, self.masks.get(frame, {})


def test_truth_itself_scores_one(plain: tuple[Path, Path]) -> None:
    report = evaluate(open_clips(*plain), Recorder(truth()))
    assert report.mean().jf == 1
    scored = {entry.name: list(entry.frames) for entry in report.rounds[0]}
    assert scored == {"1": [1, 2, 3, 4], "2": [3, 4]}
    assert report.rounds[0][0].clip == "shot"


def test_both_ends_count_where_asked(plain: tuple[Path, Path]) -> None:
    report = evaluate(open_clips(*plain), Recorder(truth()), skip_ends=False)
    assert list(report.rounds[0][0].frames) == [0, 1, 2, 3, 4, 5]


def test_absent_masks_count_as_empty(plain: tuple[Path, Path]) -> None:
    masks = truth()
    del masks[3]["1"]
    report = evaluate(open_clips(*plain), Recorder(masks))
    found = report.rounds[0][0]
    assert found.frames[3].j == 0
    assert found.mean.j == pytest.approx(0.75)
    assert found.worst == 3
    assert report.mean().j == pytest.approx((0.75 + 1) / 2)


@pytest.mark.parametrize("prompt", ["mask", "click", "box"])
def test_prompts_are_given_on_each_objects_first_frame(plain: tuple[Path, Path], prompt: str) -> None:
    recorder = Recorder(truth())
    evaluate(open_clips(*plain), recorder, prompt)  # type: ignore[arg-type]
    (given,) = recorder.calls
    assert {name: list(said) for name, said in given.items()} == {"1": [0], "2": [2]}
    first = given["1"][0]
    if prompt == "mask":
        assert first.mask is not None
        assert np.array_equal(first.mask, truth()[0]["1"])
    elif prompt == "box":
        assert first.box == (4, 8, 24, 28)
    else:
        assert len(first.points) == 1
        assert truth()[0]["1"][round(first.points[0][1]), round(first.points[0][0])]


def test_each_round_clicks_on_the_worst_frame(plain: tuple[Path, Path]) -> None:
    masks = truth()
    masks[3]["1"] = box(0, 0, 30, 40)
    masks[4]["1"] = box(8, 8, 20, 28)
    recorder = Recorder(masks)
    report = evaluate(open_clips(*plain), recorder, "click", rounds=2)
    assert len(report.rounds) == 3
    assert [list(call["1"]) for call in recorder.calls] == [[0], [0, 3], [0, 3]]
    (x, y, positive), *more = recorder.calls[2]["1"][3].points
    assert not positive
    assert masks[3]["1"][round(y), round(x)]
    assert not truth()[3]["1"][round(y), round(x)]
    assert len(more) == 1
    assert list(recorder.calls[2]["2"]) == [2]


def test_corrections_of_a_segmenter_that_listens_raise_the_score(plain: tuple[Path, Path]) -> None:
    def listening(source: FrameSource, prompts: Prompts) -> Iterator[tuple[int, Masks]]:
        for frame in source.frames:
            clicked = frame in prompts["1"]
            yield frame, {"1": truth()[frame]["1"] if clicked else box(0, 0, 9, 9), "2": box(0, 0, 0, 0)}

    report = evaluate(open_clips(*plain), listening, "click", rounds=3)
    means = [report.mean(index).j for index in range(4)]
    assert means == sorted(means)
    assert means[3] - means[0] > 0.3


def test_segmenter_that_leaves_a_frame_out_is_found(plain: tuple[Path, Path]) -> None:
    def forgetful(source: FrameSource, prompts: Prompts) -> Iterator[tuple[int, Masks]]:
        return ((frame, dict.fromkeys(prompts, box(0, 0, 1, 1))) for frame in source.frames if frame != 3)

    with pytest.raises(ValueError, match="no masks for frame 3"):
        evaluate(open_clips(*plain), forgetful)


def test_masks_of_another_size_are_found(plain: tuple[Path, Path]) -> None:
    small = {frame: {"1": np.ones((10, 10), np.bool_)} for frame in range(6)}
    with pytest.raises(DatasetError, match=r"shot is 64×48 and the picture 10×10"):
        evaluate(open_clips(*plain), Recorder(small))


def test_hearts_boxes_and_clicks() -> None:
    mask = box(10, 10, 31, 21)
    x, y = heart(mask)
    assert y == 15
    assert 15 <= x <= 25
    assert heart(np.ones((11, 11), np.bool_)) == (5, 5)
    assert tight_box(mask) == (10, 10, 31, 21)
    missed = corrective_click(box(0, 0, 0, 0), mask)
    assert missed is not None
    assert missed.points[0][2]
    extra = corrective_click(mask | box(40, 20, 64, 48), mask)
    assert extra is not None
    assert not extra.points[0][2]
    assert extra.points[0][0] > 40
    assert corrective_click(mask, mask) is None
    with pytest.raises(DatasetError, match="scribble"):
        first_prompt(mask, "scribble")  # type: ignore[arg-type]
    for function in (heart, tight_box):
        with pytest.raises(ValueError, match="empty mask"):
            function(box(0, 0, 0, 0))


@pytest.mark.parametrize(
    ("pictures", "masks", "split"),
    [
        ("JPEGImages/480p/{}", "Annotations/480p/{}", "ImageSets/2017/val.txt"),
        ("JPEGImages/{}", "Annotations/{}", "val.txt"),
        ("valid/JPEGImages/{}", "valid/Annotations/{}", None),
        ("{}", "{}_masks", None),
    ],
)
def test_published_layouts(tmp_path: Path, pictures: str, masks: str, split: str | None) -> None:
    for name in ("bear", "camel"):
        write_frames(tmp_path / pictures.format(name))
        write_masks(tmp_path / masks.format(name), truth())
    if "_masks" in masks:
        clips = open_clips(tmp_path / "bear", tmp_path / "bear_masks")
    elif split is None:
        clips = open_dataset(tmp_path, "valid")
    else:
        (tmp_path / split).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / split).write_text("bear\n")
        clips = open_dataset(tmp_path, "val")
        assert len(open_dataset(tmp_path)) == 2
    assert clips[0].name == "bear"
    assert clips[0].masks.objects == ["1", "2"]
    assert evaluate(clips, Recorder(truth())).mean().jf == 1


def test_sav_folders_per_object_every_fourth_frame(tmp_path: Path) -> None:
    write_frames(tmp_path / "JPEGImages_24fps" / "sav_1", frames=13)
    for name in ("000", "001"):
        folder = tmp_path / "Annotations_6fps" / "sav_1" / name
        folder.mkdir(parents=True)
        for frame in range(0, 13, 4):
            if name == "000" or frame > 0:
                Image.fromarray(box(2, 2, 30, 30)).save(folder / f"{frame:05d}.png")
    (clip,) = open_dataset(tmp_path)
    found = list(evaluate_clip(clip, Recorder({frame: {"000": box(2, 2, 30, 30)} for frame in range(13)})))
    assert {entry.name: list(entry.frames) for entry in found[0].scores} == {"000": [4, 8], "001": [8]}
    assert [entry.mean.j for entry in found[0].scores] == [1, 0]


def test_movie_with_sav_json_beside_it(tmp_path: Path) -> None:
    movie = MovieWriter(tmp_path / "sav_2.mp4", Fraction(24))
    for frame in range(13):
        movie.write(np.full((HEIGHT, WIDTH, 3), 15 * frame, np.uint8))
    movie.close()
    masks = packed({frame: {"0": box(2, 2, 30, 30)} for frame in range(0, 13, 4)})
    write_sav(tmp_path / "sav_2_manual.json", masks, video="sav_2", rate=24, frame_count=13)
    (clip,) = open_dataset(tmp_path)
    report = evaluate([clip], Recorder({frame: {"0": box(2, 2, 30, 30)} for frame in range(13)}))
    assert report.mean().jf == 1
    assert list(report.rounds[0][0].frames) == [4, 8]


def test_black_and_white_masks_are_one_object(tmp_path: Path) -> None:
    for frame in range(2):
        pixels = np.where(box(4, 4, 20, 20), 255, 0).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{frame:04d}.png")
    masks = open_masks(tmp_path)
    assert masks.objects == ["1"]
    assert np.array_equal(masks.read(1)["1"], box(4, 4, 20, 20))


def test_wrong_places_and_numbers(tmp_path: Path, plain: tuple[Path, Path]) -> None:
    frames, masks = plain
    with pytest.raises(DatasetError, match="no file or folder"):
        open_clips(tmp_path / "absent", masks)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no masks at"):
        open_clips(frames, tmp_path / "empty")
    with pytest.raises(DatasetError, match="No clip in"):
        open_clips(tmp_path / "empty", masks)
    with pytest.raises(DatasetError, match="no layout"):
        open_dataset(tmp_path / "empty")
    shifted = write_masks(tmp_path / "shifted", {frame + 100: entry for frame, entry in truth().items()})
    with pytest.raises(DatasetError, match=r"mask for frame 100 \(masks 100-105\).*frames 0-5"):
        evaluate(open_clips(frames, shifted), Recorder(truth()))
    short = write_masks(tmp_path / "short", {frame: truth()[frame] for frame in (0, 1)})
    with pytest.raises(DatasetError, match="three are needed"):
        evaluate(open_clips(frames, short), Recorder(truth()))
    blank = write_masks(tmp_path / "blank", {frame: {} for frame in range(3)})
    with pytest.raises(DatasetError, match="all empty"):
        evaluate(open_clips(frames, blank), Recorder(truth()))
    (tmp_path / "JPEGImages").mkdir()
    write_frames(tmp_path / "JPEGImages" / "bear")
    write_masks(tmp_path / "Annotations" / "bear", truth())
    with pytest.raises(DatasetError, match="no list 'test'"):
        open_dataset(tmp_path, "test")


def test_report_as_table_and_json(plain: tuple[Path, Path]) -> None:
    masks = truth()
    masks[3]["1"] = box(0, 0, 0, 0)
    report = evaluate(open_clips(*plain), Recorder(masks), "click", rounds=1)
    table = report.table().splitlines()
    assert table[0] == "prompt: click"
    assert table[1].split() == ["clip", "object", "frames", "J", "F", "J&F", "worst", "frame"]
    assert table[3].split() == ["shot", "1", "4", "0.7500", "0.7500", "0.7500", "3"]
    assert table[-1].startswith("mean over 2 object(s)")
    data = json.loads(json.dumps(report.to_json()))
    assert data["J&F"] == pytest.approx(report.mean().jf)
    assert data["rounds"][1]["objects"][0]["frames"]["3"] == {"J": 0, "F": 0}


def test_strip_shows_errors_in_their_colours(tmp_path: Path, plain: tuple[Path, Path]) -> None:
    masks = truth()
    masks[3]["1"] = box(27, 8, 47, 28)
    results: list[ClipResult] = []
    evaluate(open_clips(*plain), Recorder(masks), samples=3, finished=results.extend)
    assert sorted(results[0].samples) == spread([1, 2, 3, 4], 3)
    write_strip(tmp_path / "strip.png", results[0])
    assert np.asarray(Image.open(tmp_path / "strip.png")).std() > 5
    view = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    picture = error_picture(view, [masks[3]["1"]], [truth()[3]["1"]]).astype(int)
    assert abs(picture[18, 36] - object_color(0)).max() < 60
    assert abs(picture[18, 15] - object_color(1)).max() < 60
    assert (picture[7, 15] == 255).all()
    assert (picture[40, 5] == 75).all()
