"""The generator of training clips: deterministic, truthful, varied, and held-out sources kept apart."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from sam2_roto.training.clips import DIFFICULTIES, HELD_OUT_SEEDS, TextureLibrary, generate_clip, held_out_set

TRAINING_SEED = HELD_OUT_SEEDS.stop


@pytest.fixture(scope="module")
def library() -> TextureLibrary:
    return TextureLibrary.build(None)


@pytest.mark.parametrize("difficulty", [None, *DIFFICULTIES])
def test_clip_has_the_promised_shapes_and_a_visible_object(library: TextureLibrary, difficulty: str | None) -> None:
    clip = generate_clip(TRAINING_SEED + 7, size=96, frames=5, difficulty=difficulty, library=library)
    assert clip.frames.shape == (5, 96, 96, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.labels.shape == (5, 96, 96)
    assert clip.labels.dtype == np.uint8
    assert 1 <= clip.objects <= 3
    assert clip.present.shape == (clip.objects, 5)
    assert clip.present[:, 0].all()
    assert set(np.unique(clip.labels)) <= set(range(clip.objects + 1))
    for number in range(1, clip.objects + 1):
        assert (clip.mask(number).any(axis=(1, 2)) == clip.present[number - 1]).all()


def test_a_seed_makes_the_same_clip_again_and_another_seed_another(library: TextureLibrary) -> None:
    first = generate_clip(TRAINING_SEED, size=96, frames=4, library=library)
    again = generate_clip(TRAINING_SEED, size=96, frames=4, library=pickle.loads(pickle.dumps(library)))
    other = generate_clip(TRAINING_SEED + 1, size=96, frames=4, library=library)
    assert (first.frames == again.frames).all()
    assert (first.labels == again.labels).all()
    assert (first.frames != other.frames).any()


def test_held_out_seeds_draw_from_the_held_out_pool_alone(library: TextureLibrary) -> None:
    blind = TextureLibrary(library.training, library.training)
    seed = HELD_OUT_SEEDS[3]
    own, borrowed = (generate_clip(seed, size=64, frames=2, library=pool) for pool in (library, blind))
    assert (own.frames != borrowed.frames).any()


def test_held_out_set_is_balanced_and_within_the_held_out_seeds() -> None:
    pairs = list(held_out_set(200))
    assert [sum(kind == difficulty for kind, _ in pairs) for difficulty in DIFFICULTIES] == [50] * 4
    assert len({seed for _, seed in pairs}) == 200
    assert all(seed in HELD_OUT_SEEDS for _, seed in pairs)


def test_an_unknown_difficulty_is_refused(library: TextureLibrary) -> None:
    with pytest.raises(ValueError, match="impossible"):
        generate_clip(1, difficulty="impossible", library=library)
