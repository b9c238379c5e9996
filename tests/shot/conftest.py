"""A small shot with a network of random weights: plumbing, where truth plays no part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sam2_roto.shot import Shot, TrackingSettings
from sam2_roto.shot.session import Session


@pytest.fixture
def settings(random_weights: Path) -> TrackingSettings:
    return TrackingSettings(model=str(random_weights), image_size=64)


@pytest.fixture
def work(tmp_path: Path, shot: Path, settings: TrackingSettings) -> Iterator[Shot]:
    """Twenty frames of 96×64, numbered from 0; nothing is marked."""
    with Shot.new(tmp_path / "work", shot, settings=settings) as opened:
        opened.set_cuts(())  # nobody looks for cuts
        yield opened


@pytest.fixture
def session(work: Shot) -> Iterator[Session]:
    with Session(work, device="cpu") as opened:
        yield opened
