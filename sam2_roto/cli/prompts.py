"""The words in which prompts are given on the command line.

    NAME:FRAME:X,Y          a click on the object; X,Y- is a click beside it
    NAME:FRAME:X0,Y0,X1,Y1  a box: left, top, right, bottom
    NAME:FRAME:FILE         a picture whose bright pixels are the object

Frames are in the footage's own numbering, coordinates are pixels of the plate from its top left corner.
"""

from __future__ import annotations

import re
from pathlib import Path

from sam2_roto.errors import PromptError
from sam2_roto.job import Box, Click, MaskFile, check_object_name

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_POINT = re.compile(rf"({_NUMBER}),({_NUMBER})(-?)")
_CORNERS = re.compile(rf"({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER})")


def parse_click(text: str) -> Click:
    """``dog:0:410,250`` or, beside the object, ``dog:0:410,250-``; raises ``PromptError``."""
    name, frame, rest = _split(text, "click", "X,Y", "dog:0:410,250")
    found = _POINT.fullmatch(rest)
    if not found:
        raise PromptError(f"the click '{text}' does not end in X,Y or X,Y-; write it like dog:0:410,250")
    x, y, beside = found.groups()
    return Click(name, frame, float(x), float(y), positive=not beside)


def parse_box(text: str) -> Box:
    """``dog:0:300,120,520,400``; raises ``PromptError``."""
    name, frame, rest = _split(text, "box", "X0,Y0,X1,Y1", "dog:0:300,120,520,400")
    found = _CORNERS.fullmatch(rest)
    if not found:
        raise PromptError(f"the box '{text}' does not end in X0,Y0,X1,Y1; write it like dog:0:300,120,520,400")
    x0, y0, x1, y1 = (float(number) for number in found.groups())
    return Box(name, frame, x0, y0, x1, y1)


def parse_mask(text: str) -> MaskFile:
    """``dog:0:dog_mask.png``; raises ``PromptError``, also where there is no such file."""
    name, frame, rest = _split(text, "mask", "FILE", "dog:0:dog_mask.png")
    path = Path(rest).expanduser()
    if path.is_dir():
        raise PromptError(f"the mask '{text}' names '{rest}', which is a folder; name one picture")
    if not path.is_file():
        raise PromptError(f"the mask '{text}' names '{rest}', and there is no such file")
    return MaskFile(name, frame, path)


def _split(text: str, what: str, tail: str, example: str) -> tuple[str, int, str]:
    parts = text.split(":", 2)
    if len(parts) < 3 or not parts[2]:
        raise PromptError(f"the {what} '{text}' is not NAME:FRAME:{tail}; write it like {example}")
    name, frame, rest = parts
    check_object_name(name)
    if not re.fullmatch(r"-?\d+", frame):
        raise PromptError(f"the {what} '{text}' names the frame '{frame}', which is not a whole number")
    return name, int(frame), rest
