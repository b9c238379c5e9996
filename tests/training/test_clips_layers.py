"""Layers and motion: what is painted, what is labelled, and how fast things go."""

from __future__ import annotations

import numpy as np
import pytest

from sam2_roto.training.clips.layers import Layer, Part, Sprite, paint
from sam2_roto.training.clips.motion import PATHS, camera, growth, path, shift
from sam2_roto.training.clips.surfaces import premultiplied

SIZE = 48


def _square(color: int, side: int) -> Sprite:
    return premultiplied(np.full((side, side, 3), color, np.uint8), np.full((side, side), 255, np.uint8))


def _at(sprite: Sprite, *places: tuple[float, float]) -> Part:
    return Part([sprite], np.stack([shift(x - 2, y - 2) for x, y in places]))


def _ground(count: int) -> Part:
    return Part([Sprite(np.full((SIZE, SIZE, 4), 100, np.uint8))], np.stack([np.eye(3)] * count))


def test_an_object_is_labelled_where_it_is_painted() -> None:
    color, labels = paint(_ground(2), [Layer([_at(_square(200, 10), (5, 6), (20, 6))], 1)], 1, SIZE, 1)
    expected = np.zeros((2, SIZE, SIZE), bool)
    expected[0, 6:16, 5:15] = expected[1, 6:16, 20:30] = True
    assert ((labels == 1) == expected).all()
    assert (color[expected] == 200).all()
    assert (color[~expected] == 100).all()


def test_an_occluder_hides_and_a_veil_does_not() -> None:
    thing = Layer([_at(_square(200, 10), (5, 5))], 1)
    over = _at(_square(0, 10), (10, 5))
    assert (paint(_ground(1), [thing, Layer([over], 0)], 1, SIZE, 1)[1] == 1).sum() == 50
    assert (paint(_ground(1), [thing, Layer([over], 0, 0.3)], 1, SIZE, 1)[1] == 1).sum() == 100
    assert (paint(_ground(1), [thing, Layer([over], -1)], 1, SIZE, 1)[1] == 1).sum() == 100


def test_the_nearer_of_two_objects_owns_the_overlap() -> None:
    layers = [Layer([_at(_square(50, 10), (5, 5))], 1), Layer([_at(_square(250, 10), (10, 5))], 2)]
    _, labels = paint(_ground(1), layers, 2, SIZE, 1)
    assert [(labels == number).sum() for number in (1, 2)] == [50, 100]


def test_motion_blur_labels_what_is_covered_half_the_time() -> None:
    moving = _at(_square(200, 10), (5, 5), (9, 5))
    color, labels = paint(_ground(2), [Layer([moving], 1)], 1, SIZE, 2)
    assert labels.shape == (1, SIZE, SIZE)
    assert labels[0, 8, 7] == labels[0, 8, 17] == 1
    assert color[0, 8, 7, 0] == pytest.approx(150, abs=1)


def test_a_reduced_sprite_stays_in_its_place() -> None:
    small = Part([_square(200, 160)], (shift(4, 6) @ np.diag([0.125, 0.125, 1.0]))[None])
    _, labels = paint(_ground(1), [Layer([small], 1)], 1, SIZE, 1)
    rows, columns = np.nonzero(labels[0])
    assert abs(rows.mean() - (6 + 10.25 - 0.5)) < 0.6
    assert abs(columns.mean() - (4 + 10.25 - 0.5)) < 0.6
    assert abs(len(rows) - 400) < 45


def test_a_bend_moves_the_outline() -> None:
    straight = Part([_square(200, 20)], shift(10, 10)[None])
    bent = Part(straight.sprites, straight.poses, np.full((1, 5, 5, 2), 4.0, np.float32))
    places = [
        np.argwhere(paint(_ground(1), [Layer([part], 1)], 1, SIZE, 1)[1][0]).mean(axis=0) for part in (straight, bent)
    ]
    assert np.allclose(places[0] - places[1], 4, atol=0.6)


@pytest.mark.parametrize("kind", PATHS)
def test_paths_start_where_told_and_keep_to_their_speed(kind: str) -> None:
    times = np.arange(24.0)
    for seed in range(20):
        way = path(np.random.default_rng(seed), times, np.array([100.0, 120.0]), 6.0, 256, kind)
        assert np.linalg.norm(way[0] - (100, 120)) < 3
        if kind != "shuttle":
            assert np.linalg.norm(np.diff(way, axis=0), axis=1).max() < 6.0 * 1.01 + 3 * (kind == "still")


def test_a_camera_of_no_strength_stands_still_and_growth_is_bounded() -> None:
    rng, times = np.random.default_rng(0), np.arange(8.0)
    assert np.allclose(camera(rng, times, 256, 0.0), np.eye(3))
    sizes = growth(rng, times, 0.5)
    assert sizes[0] == pytest.approx(1.0)
    assert (sizes > 0.4).all()
    assert (sizes < 2.5).all()
