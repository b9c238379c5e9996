"""Words of the command line become prompts, or one sentence that says what is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compositing.errors import CompositingError
from sam2_roto.cli.prompts import parse_box, parse_click, parse_mask
from sam2_roto.errors import PromptError
from sam2_roto.job import Box, Click, MaskFile

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]*", fullmatch=True)
FRAMES = st.integers(-10_000, 10_000_000)
COORDINATES = st.decimals(-10_000, 10_000, places=3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dog:0:410,250", Click("dog", 0, 410.0, 250.0)),
        ("dog:1001:410.5,250.25-", Click("dog", 1001, 410.5, 250.25, positive=False)),
        ("L_arm2:-5:-3,4", Click("L_arm2", -5, -3.0, 4.0)),
        ("a:7:.5,1.", Click("a", 7, 0.5, 1.0)),
    ],
)
def test_click(text: str, expected: Click) -> None:
    assert parse_click(text) == expected


def test_box() -> None:
    assert parse_box("car:1001:300,120.5,520,400") == Box("car", 1001, 300.0, 120.5, 520.0, 400.0)


def test_mask_may_have_colons_in_its_path(tmp_path: Path) -> None:
    path = tmp_path / "dog:left.png"
    path.write_bytes(b"")
    assert parse_mask(f"dog:3:{path}") == MaskFile("dog", 3, path)


@given(name=NAMES, frame=FRAMES, x=COORDINATES, y=COORDINATES, positive=st.booleans())
def test_every_click_can_be_written(name: str, frame: int, x: float, y: float, positive: bool) -> None:
    text = f"{name}:{frame}:{x},{y}{'' if positive else '-'}"
    assert parse_click(text) == Click(name, frame, float(x), float(y), positive)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dog", "NAME:FRAME:X,Y"),
        ("dog:0", "NAME:FRAME:X,Y"),
        ("dog:0:", "NAME:FRAME:X,Y"),
        ("dog:zero:1,2", "'zero', which is not a whole number"),
        ("dog:1.5:1,2", "'1.5', which is not a whole number"),
        ("dog:0:1", "does not end in X,Y"),
        ("dog:0:1,2,3,4", "does not end in X,Y"),
        ("dog:0:nan,2", "does not end in X,Y"),
        ("dog:0:1e9,2", "does not end in X,Y"),
        ("2nd:0:1,2", "'2nd' cannot name an object"),
        ("my dog:0:1,2", "'my dog' cannot name an object"),
        ("dog.tail:0:1,2", "'dog.tail' cannot name an object"),
        (":0:1,2", "'' cannot name an object"),
        ("hünd:0:1,2", "'hünd' cannot name an object; use a letter of a-z or A-Z, then such letters, digits"),
    ],
)
def test_wrong_click(text: str, says: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse_click(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dog:0:1,2", "does not end in X0,Y0,X1,Y1"),
        ("dog:0:50,20,10,40", "is empty; give left,top,right,bottom"),
        ("dog:0:10,40,50,40", "is empty"),
    ],
)
def test_wrong_box(text: str, says: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse_box(text)
    assert says in str(caught.value)


def test_mask_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="there is no such file"):
        parse_mask(f"dog:0:{tmp_path / 'absent.png'}")


def test_a_folder_is_no_mask(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="is a folder; name one picture"):
        parse_mask(f"dog:0:{tmp_path}")


@pytest.mark.parametrize("parse", [parse_click, parse_box])
@given(text=st.text(alphabet="dog:0123456789,.-+ \n/é", max_size=30))
def test_no_text_fails_in_another_way(parse: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(CompositingError):
        assert parse(text) is not None
