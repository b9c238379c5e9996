"""A job is checked when it is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compositing.footage.frames import FrameRange
from sam2_roto.deliverables import Deliverables
from sam2_roto.errors import ModelError, PromptError, RotoError
from sam2_roto.job import Box, Click, MaskFile, RotoscopeJob


def job(**settings: Any) -> RotoscopeJob:
    prompts = settings.pop("prompts", (Click("dog", 5, 1.0, 2.0),))
    return RotoscopeJob(Path("shot.mp4"), Path("mattes"), prompts, **settings)


def test_objects_keep_the_order_in_which_they_were_marked() -> None:
    marks = (Click("dog", 0, 1, 2), Click("cat", 3, 1, 2), Click("dog", 9, 5, 5, positive=False))
    assert job(prompts=marks).object_names == ("dog", "cat")


def test_a_box_may_have_clicks_beside_it() -> None:
    marks = (Box("dog", 0, 1, 2, 30, 40), Click("dog", 0, 5, 6), Click("dog", 0, 7, 8, positive=False))
    assert len(job(prompts=marks).prompts) == 3


@pytest.mark.parametrize(
    ("settings", "kind", "says"),
    [
        ({"prompts": ()}, PromptError, "nothing is marked"),
        ({"prompts": (Click("a.b", 0, 1, 2),)}, PromptError, "cannot name an object"),
        ({"frames": FrameRange(6, 9)}, PromptError, "frame 5, outside the range 6-9"),
        (
            {"prompts": (MaskFile("dog", 0, Path("m.png")), Click("dog", 0, 1, 2))},
            PromptError,
            "give the mask alone",
        ),
        ({"prompts": (Box("dog", 0, 1, 2, 3, 4), Box("dog", 0, 1, 2, 3, 5))}, PromptError, "2 boxes on frame 0"),
        ({"image_size": 500}, ModelError, "multiple of 32"),
        ({"image_size": 0}, ModelError, "multiple of 32"),
        ({"image_size": 4128}, ModelError, "the image size 4128 is not a multiple of 32 from 64 to 4096"),
        (
            {"prompts": (Click("dog", 5, 1, 2), Click("cat", 5, 1, 2, positive=False))},
            PromptError,
            "every click of 'cat' lies beside it",
        ),
        ({"feather": -1.0}, RotoError, "is negative"),
        ({"feather": float("nan")}, RotoError, "is not a finite number"),
        ({"preset": "velvet"}, RotoError, "not one of default, hard, soft"),
        ({"choke": float("inf")}, RotoError, "is not a finite number"),
    ],
)
def test_contradictions_are_told(settings: dict[str, Any], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind) as caught:
        job(**settings)
    assert says in str(caught.value)


def test_what_decides_the_logits_is_plain_json_and_leaves_the_look_out() -> None:
    marks = (Click("dog", 5, 1.0, 2.0), MaskFile("cat", 6, Path("cat.png")))
    plain, soft = job(prompts=marks).tracking(), job(prompts=marks, feather=3.0, deliver=Deliverables("png")).tracking()
    assert plain == soft == json.loads(json.dumps(plain))
    assert plain != job(prompts=marks[:1]).tracking()
    assert plain != job(prompts=marks, image_size=512).tracking()
    assert plain != job(prompts=marks, crop="none").tracking()
