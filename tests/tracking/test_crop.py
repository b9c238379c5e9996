"""Windows that follow a small object, and the tracker that looks through them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto import build_model
from sam2_roto.errors import PromptError
from sam2_roto.masklets import MaskletStore
from sam2_roto.model import SAM2
from sam2_roto.tracking import ArraySource, FramePrompt, ObjectFrame
from sam2_roto.tracking.crop import CropSource
from sam2_roto.tracking.crop_tracker import CropMemory, CropTracker
from sam2_roto.tracking.window import OUTSIDE, Window, window_about, zoom_for

WIDTH, HEIGHT, SIZE = 320, 200, 64
CELLS = SIZE // 4


def seen(window: Window, box: tuple[int, int, int, int] | None) -> tuple[Window, ObjectFrame]:
    """A result whose logits are positive in a box of the window's cells."""
    logits = torch.full((CELLS, CELLS), -6.0)
    if box is not None:
        logits[box[1] : box[3], box[0] : box[2]] = 6.0
    return window, ObjectFrame(logits, 5.0 if box else -5.0, 0.9, torch.zeros(8), False)


def source(known: dict[int, tuple[Window, ObjectFrame]], frames: int = 12) -> CropSource:
    views = np.zeros((frames, HEIGHT, WIDTH, 3), np.uint8)
    views[..., 0], views[..., 1] = np.arange(WIDTH) % 256, np.arange(HEIGHT)[:, None]
    return CropSource(ArraySource(views), SIZE, known.get)


def test_a_window_shows_its_part_pixel_for_pixel() -> None:
    crop = source({3: seen(Window(40, 20, 64, 64), (4, 4, 8, 8))})
    view = crop.view(3)
    assert view.shape == (64, 64, 3)
    assert (view[0, 0, 0], view[0, 0, 1], view[-1, -1, 0], view[-1, -1, 1]) == (40, 20, 103, 83)
    assert (crop.width, crop.height) == (64, 64)


def test_the_window_goes_where_the_object_goes() -> None:
    known = {0: seen(Window(40, 40, 64, 64), (6, 6, 10, 10)), 1: seen(Window(40, 40, 64, 64), (8, 6, 12, 10))}
    crop = source(known)
    assert crop.look(2) == Window(40 + 16, 40, 64, 64)  # 8 pixels to the right, and 8 more
    crop.step = -1
    known[6], known[7] = known[0], known[0]
    assert crop.look(5) == Window(40, 40, 64, 64)


def test_flecks_do_not_move_a_window() -> None:
    window, result = seen(Window(40, 40, 64, 64), (6, 6, 10, 10))
    clean = source({0: (window, result)}).look(1)
    result.logits[15, 15] = 6.0  # far from the object, and a sixteenth of it
    assert source({0: (window, result)}).look(1) == clean
    result.logits[14:, 13:] = 6.0
    assert source({0: (window, result)}).look(1) != clean


def test_a_frame_is_seen_again_through_the_window_of_another() -> None:
    crop = source({3: seen(Window(40, 20, 64, 64), None), 4: seen(Window(56, 24, 64, 64), None)})
    assert np.array_equal(crop.through(3, 4)[:60, :48], crop.view(3)[4:, 16:])


def test_windows_stay_on_the_plate_and_on_cells() -> None:
    assert window_about((0, 0, 10, 10), 1.0, (WIDTH, HEIGHT), SIZE) == Window(0, 0, 64, 64)
    assert window_about((300, 190, 320, 200), 1.0, (WIDTH, HEIGHT), SIZE) == Window(256, 136, 64, 64)
    window = window_about((101, 83, 110, 91), 2.0, (WIDTH, HEIGHT), SIZE)
    assert (window.x % 8, window.y % 8, window.width, window.height) == (0, 0, 128, 128)
    assert window_about((100, 90, 200, 150), 4.0, (WIDTH, HEIGHT), SIZE) == Window(16, 0, 256, 200)


def test_sizes_change_only_where_the_object_has_outgrown_them() -> None:
    window = Window(40, 40, 64, 64)
    for box, side in (((6, 6, 10, 10), 64), ((5, 5, 12, 12), 64), ((3, 3, 13, 13), 128), ((8, 8, 9, 9), 23)):
        assert source({0: seen(window, box)}).look(1).width == side


def test_an_object_that_is_lost_is_looked_for_in_a_larger_window() -> None:
    window = Window(40, 40, 64, 64)
    known = {frame: seen(window, None) for frame in range(4)}
    assert source({**known, 3: seen(window, (6, 6, 10, 10))}).look(4).width == 64
    assert source({frame: known[frame] for frame in (2, 3)}).look(4) == window
    grown = source(known).look(4)
    assert grown == Window(8, 8, 128, 128)


def test_zoom_suits_the_object_or_is_not_worth_it() -> None:
    for extent, image_size, zoom in ((30, 384, 8**-0.5), (100, 384, 0.5**0.5), (100, 1024, 8**-0.5), (600, 384, 4)):
        assert zoom_for(extent, (1920, 1080), image_size) == pytest.approx(zoom)
    assert zoom_for(2000, (3840, 2160), 384) is None
    assert zoom_for(90, (300, 200), 384) == pytest.approx(0.5**0.5)
    assert zoom_for(150, (300, 200), 384) is None


def test_prompts_move_into_the_window() -> None:
    window = Window(40, 20, 64, 64)
    said = window.prompt(FramePrompt(points=((50, 30, True), (10, 100, False)), box=(44, 22, 200, 60)))
    assert said.points == ((10, 10, True), (0, 63, False))
    assert said.box == (4, 2, 63, 40)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[25:30, 45:60] = True
    moved = window.prompt(FramePrompt(mask=mask)).mask
    assert moved is not None
    assert (moved.shape, moved.sum(), moved[5, 5]) == ((64, 64), 75, True)


@pytest.mark.parametrize("window", [Window(40, 20, 64, 64), Window(0, 0, 64, 64), Window(256, 136, 64, 64)])
def test_logits_are_laid_on_the_plate_as_they_are(window: Window) -> None:
    logits = torch.randn(CELLS, CELLS, generator=torch.Generator().manual_seed(0))
    whole = window.spread(logits, (HEIGHT, WIDTH))
    assert whole.shape == (HEIGHT // 4, WIDTH // 4)
    x, y = window.x // 4, window.y // 4
    torch.testing.assert_close(whole[y : y + CELLS, x : x + CELLS], logits, atol=1e-5, rtol=0)
    rest = whole.clone()
    rest[y : y + CELLS, x : x + CELLS] = OUTSIDE
    torch.testing.assert_close(rest, torch.full_like(rest, OUTSIDE))


def test_windows_off_the_cells_are_interpolated_in_place() -> None:
    logits = 3 - ((torch.arange(CELLS) - 7.5) ** 2).expand(CELLS, CELLS) / 4
    window = Window(42, 21, 64, 64)
    whole = window.spread(logits, (HEIGHT, WIDTH))
    middles = (torch.arange(whole.shape[1]) + 0.5) * WIDTH / whole.shape[1]
    positive = middles[(whole[12] > 0)]
    assert float(positive.mean()) == pytest.approx(42 + 32, abs=1.1)
    assert window.box_of(logits) == (42 + 20, 21, 42 + 44, 21 + 64)


@pytest.fixture(scope="module")
def model() -> SAM2:
    torch.manual_seed(1)
    network = build_model("nano", image_size=SIZE).eval()
    with torch.no_grad():
        network.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(1.0)  # present everywhere
    return network


def clip(frames: int = 8) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (frames, HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.mark.parametrize("window", [Window(96, 60, 64, 64), Window(104, 64, 64, 64), Window(88, 52, 128, 128)])
def test_a_mask_is_carried_through_a_window_that_moved(
    model: SAM2, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = np.repeat(cv2.resize(clip(1)[0, ::4, ::4], (WIDTH, HEIGHT))[None], 2, axis=0)
    begin = Window(96, 60, 64, 64)
    tracker = CropTracker(model, ArraySource(still), "bird", CropMemory())
    tracker.look(0, begin)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[80:104, 112:136] = True
    tracker.prompt("bird", 0, FramePrompt(mask=mask))
    tracker.look(1, window)
    told: list[Tensor] = []
    decode = model.decode

    def noted(*words: Any, **named: Any) -> Any:
        told.append(named["mask"])
        return decode(*words, **named)

    monkeypatch.setattr(model, "decode", noted)
    list(tracker.propagate(0))
    shown = cv2.resize(window.taken(mask.astype(np.float32)), (CELLS, CELLS), interpolation=cv2.INTER_AREA) > 0.5
    inner = slice(2, -2)  # the flow is in doubt at the edges of the view
    assert np.array_equal((told[-1][0, 0] > 0).numpy()[inner, inner], shown[inner, inner])


MARKED = FramePrompt(box=(150.0, 90.0, 166.0, 104.0))


def test_a_tracker_looks_through_windows_and_resumes_in_the_same_bits(model: SAM2, tmp_path: Path) -> None:
    whole = MaskletStore(tmp_path / "a", range(8), model.config, {}, size=(WIDTH, HEIGHT))
    tracker = CropTracker(model, ArraySource(clip()), "bird", whole)
    tracker.prompt("bird", 0, MARKED)
    assert len(list(tracker.propagate())) == 8
    broken = MaskletStore(tmp_path / "b", range(8), model.config, {}, size=(WIDTH, HEIGHT))
    tracker = CropTracker(model, ArraySource(clip()), "bird", broken)
    answer = tracker.prompt("bird", 0, MARKED)
    for result in tracker.propagate():
        if result.frame == 3:
            break
    again = CropTracker(model, ArraySource(clip()), "bird", broken)
    again.restore("bird", 0, MARKED, answer._replace(logits=answer.logits.half().float()))
    assert [result.frame for result in again.propagate(4)] == [4, 5, 6, 7]
    for frame in range(8):
        first, second = whole.read_cropped("bird", frame), broken.read_cropped("bird", frame)
        assert first is not None
        assert second is not None
        assert first[0] == second[0]
        assert torch.equal(first[1].logits, second[1].logits)
        read = whole.read("bird", frame)
        assert read is not None
        assert torch.equal(read.logits, first[0].spread(first[1].logits, (HEIGHT, WIDTH)))
    found = whole.read_cropped("bird", 0)
    whole.close()
    broken.close()
    assert found is not None
    assert found[0] == window_about((150, 90, 166, 104), 0.5**0.5, (WIDTH, HEIGHT), SIZE)


def test_a_record_of_the_whole_plate_has_no_window(model: SAM2, tmp_path: Path) -> None:
    plain = ObjectFrame(torch.ones(CELLS, CELLS), 1.0, 0.5, torch.zeros(model.config.width), True)
    with MaskletStore(tmp_path, [5], model.config, {}) as store:
        store.write("bird", 5, plain)
        read = store.read("bird", 5)
        assert store.read_cropped("bird", 5) is None
    assert read is not None
    assert torch.equal(read.logits, plain.logits)


def test_prompts_beside_the_plate_are_refused(model: SAM2) -> None:
    tracker = CropTracker(model, ArraySource(clip(1)), "bird", CropMemory())
    with pytest.raises(PromptError, match="outside the plate"):
        tracker.prompt("bird", 0, FramePrompt(points=((400.0, 50.0, True),)))


def test_a_memory_may_keep_the_latest_alone() -> None:
    memory, window = CropMemory(latest=3), Window(0, 0, 64, 64)
    for frame in range(9):
        result = seen(window, (1, 1, 4, 4))[1]._replace(prompted=frame == 1)
        memory.write_cropped("bird", frame, window, result)
    assert [frame for frame in range(9) if memory.read_cropped("bird", frame)] == [1, 6, 7, 8]
    memory.write_cropped("bird", 7, window, result._replace(prompted=True))  # corrected
    memory.write_cropped("bird", 9, window, result)
    memory.write_cropped("bird", 10, window, result)
    assert sorted(frame for _, frame in memory.kept) == [1, 7, 8, 9, 10]


def test_results_come_onto_the_plate(model: SAM2) -> None:
    memory = CropMemory()
    tracker = CropTracker(model, ArraySource(clip(3)), "bird", memory)
    tracker.prompt("bird", 0, MARKED)
    for result in tracker.propagate():
        kept = memory.read_cropped("bird", result.frame)
        assert kept is not None
        whole = tracker.on_plate(result).objects["bird"].logits
        assert torch.equal(whole, kept[0].spread(result.objects["bird"].logits, (HEIGHT, WIDTH)))


def test_box_of_nothing(model: SAM2) -> None:
    nothing: Tensor = torch.full((CELLS, CELLS), -1.0)
    assert Window(0, 0, 64, 64).box_of(nothing) is None
    assert model.config.logit_size == CELLS
