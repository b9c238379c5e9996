"""Review and delivery of a shot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from compositing.footage import open_footage
from sam2_roto.deliverables import Deliverables
from sam2_roto.errors import ShotError
from sam2_roto.shot import Cut, Shot
from sam2_roto.shot.export import export, write_overlay
from sam2_roto.shot.review import Review, review, write_timeline
from sam2_roto.shot.session import Session


@pytest.fixture
def tracked(session: Session) -> Session:
    session.click("disc", 0, [(24, 32, True)])
    session.box("disc", 12, (38, 20, 62, 44))
    session.click("block", 4, [(66, 48, True)])
    session.track()
    return session


def test_review_looks_at_every_frame(tracked: Session) -> None:
    found = review(tracked.results, tracked.footage)
    assert {name: len(items) for name, items in found.evidence.items()} == {"disc": 20, "block": 20}
    disc = {item.frame: item for item in found.evidence["disc"]}
    assert disc[0].prompted == disc[12].prompted == 1
    told = {frame: tracked.results.disagreement("disc", frame) for frame in range(20)}
    assert [frame for frame, value in told.items() if value is not None] == list(range(1, 12))
    assert all(disc[frame].disagreement == value for frame, value in told.items() if value is not None)
    fix = found.fix()
    assert fix is not None
    assert fix.frame not in (0, 12) or fix.name == "block"
    assert all(suspect.frame != 4 for suspect in found.suspects() if suspect.name == "block")


def test_a_fix_is_looked_for_in_every_take(tracked: Session, work: Shot) -> None:
    work.set_cuts([Cut(10)])
    tracked.track()
    found = review(tracked.results, tracked.footage)
    assert [(take.first, take.last) for take in found.takes] == [(0, 9), (10, 19)]
    fix = found.fix()
    assert fix is not None
    take = next(take for take in found.takes if fix.frame in take)
    alone = Review({fix.name: [item for item in found.evidence[fix.name] if item.frame in take]}, [take])
    assert alone.fix() == fix


def test_nothing_tracked_is_nothing_to_review(session: Session) -> None:
    with pytest.raises(ShotError, match="nothing of the shot is tracked yet"):
        review(session.results, session.footage)


@pytest.mark.usefixtures("tracked")
def test_what_is_not_tracked_yet_is_named_and_the_rest_reviewed(work: Shot) -> None:
    alone = work.review()
    work.add_object("late")
    work.add_points("late", 3, [(10, 10, True)])
    found = work.review()
    assert (alone.untracked, found.untracked) == ([], ["late"])
    assert found.evidence == alone.evidence
    assert found.fix() == alone.fix()


def test_the_timeline_is_a_picture(tracked: Session, work: Shot, tmp_path: Path) -> None:
    work.set_cuts([Cut(9, open=True)])
    tracked.results.update(work.document)
    write_timeline(tmp_path / "timeline.png", tracked.results, review(tracked.results, tracked.footage))
    with Image.open(tmp_path / "timeline.png") as page:
        assert page.width == 1200
        assert len(page.convert("RGB").getcolors(100000) or []) > 10


def test_export_writes_what_is_visible(tracked: Session, work: Shot, tmp_path: Path) -> None:
    mask = np.zeros((64, 96), bool)
    mask[10:30, 20:50] = True
    work.add_mask("disc", 6, mask)
    work.set_object("block", visible=False)
    tracked.results.update(work.document)
    with pytest.raises(ShotError, match=r"frames are not tracked yet \('disc'\); give 'sam2-roto shot track' first"):
        export(tracked.results, tracked.footage, tmp_path / "out")
    tracked.track()
    done = work.export(tmp_path / "out", Deliverables(format="png"))
    assert len(done.files["mattes"]) == 20
    assert set(done.absent) == {"disc"}
    with open_footage(done.files["mattes"][0]) as mattes:
        alpha = mattes.view(6)[..., 0]
    assert ((alpha > 127) == mask).all()
    write_overlay(tracked.results, tracked.footage, tmp_path / "frame.png", 6)
    with Image.open(tmp_path / "frame.png") as picture:
        assert picture.size == (96, 64)


@pytest.mark.usefixtures("tracked")
def test_a_shot_without_visible_objects_is_not_exported(work: Shot, tmp_path: Path) -> None:
    for name in ("disc", "block"):
        work.set_object(name, visible=False)
    with pytest.raises(ShotError, match="no visible object"):
        work.export(tmp_path / "out")


def test_review_does_without_footage_that_is_gone(tracked: Session, work: Shot, shot: Path) -> None:
    whole = work.review()
    assert whole.evidence == review(tracked.results, tracked.footage).evidence
    away = shot.rename(shot.with_name(f"away{shot.suffix}"))
    blind = work.review()
    away.rename(shot)
    assert {item.colours for item in blind.evidence["disc"]} == {0.0}
    assert [item._replace(colours=0.0) for item in whole.evidence["disc"]] == blind.evidence["disc"]


def test_review_tells_how_far_it_is(tracked: Session, work: Shot) -> None:
    told: list[tuple[str, int, int]] = []
    work.review(lambda *where: told.append(where))
    frames = len(tracked.shot.document.range)
    names = [entry.name for entry in work.document.objects]
    assert told == [(f"review {name}", done + 1, frames) for name in names for done in range(frames)]


def test_a_fix_that_did_not_help_is_looked_for_elsewhere(tracked: Session) -> None:
    found = review(tracked.results, tracked.footage)
    first = found.fix()
    assert first is not None
    second = found.fix(tried=[first.frame])
    assert second is not None
    assert abs(second.frame - first.frame) >= 5
