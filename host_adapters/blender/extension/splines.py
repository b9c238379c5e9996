"""Exported splines as shapes of a mask on the timeline. Knows nothing of Blender.

The file is the neutral JSON of ``sam2-roto``: closed Bézier shapes in pixels of the plate, straight lines between keys.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .affine import Place, mask_place
from .errors import SceneError
from .frames import FrameMap
from .untangling import Points, untangled

FORMAT = 1
"""The version of the JSON that is read."""

_SHARP = 0.01  # pixels between handles below which they tell no direction


@dataclass(frozen=True)
class MaskShape:
    """A closed shape in a mask's units. ``keys`` is frame of the timeline to points, always as many, in order.

    ``lives`` are the stretches of the timeline, first and last frame, on which the shape is there.
    """

    name: str
    hole: bool
    keys: Mapping[int, Points]
    lives: tuple[tuple[int, int], ...]

    def at(self, timeline: int) -> Points:
        """The points on a frame of the timeline; before the first key and after the last as there."""
        return _between(self.keys, timeline)


def read_shapes(path: Path, times: FrameMap) -> list[MaskShape]:
    """The shapes of an exported file, holes last. Raises SceneError where it cannot be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT or data["kind"] != "sam2_roto.spline":
            raise SceneError(f"{path.name} is of another format than this version of the extension reads; update it.")
        shapes = [_shape(entry, data["width"], data["height"], times) for entry in data["shapes"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SceneError(f"{path.name} cannot be read as splines ({error}); import the mask again.") from error
    return sorted((shape for shape in shapes if shape.lives), key=lambda shape: shape.hole)


def _shape(entry: Mapping[str, Any], width: int, height: int, times: FrameMap) -> MaskShape:
    plates = {int(frame): _points(points, width, height) for frame, points in entry["keys"].items()}
    first, last = min(plates), max(plates)
    seen = [times.first + index for index, plate in enumerate(times.plates) if first <= plate <= last]
    # Where the timeline shows the plate frame by frame, keys stay few; otherwise every frame gets one.
    wanted = [frame for plate in plates for frame in times.timelines(plate)] if times.steady else seen
    drawn = {frame: _between(plates, times.plate(frame)) for frame in {*wanted, *seen}}
    simple = {frame: untangled(points) for frame, points in drawn.items()}
    mended = {frame for frame in drawn if simple[frame] is not drawn[frame]}
    beside = {near for frame in mended for near in (frame - 1, frame + 1) if near in drawn}
    keys = {frame: simple[frame] for frame in sorted({*wanted, *seen[:1], *seen[-1:], *mended, *beside})}
    return MaskShape(str(entry["name"]), bool(entry["hole"]), keys, _stretches(seen))


def _points(points: Sequence[Sequence[Sequence[float]]], width: int, height: int) -> Points:
    drawn = [(Place(*before), Place(*place), Place(*after)) for before, place, after in points]
    shifts = _shifts(drawn, width, height)
    return [
        (
            _placed(before, shift, width, height),
            _placed(place, shift, width, height),
            _placed(after, shift, width, height),
        )
        for (before, place, after), shift in zip(drawn, shifts, strict=True)
    ]


def _placed(place: Place, shift: Place, width: int, height: int) -> Place:
    return mask_place(place.x + shift.x, place.y + shift.y, width, height)


def _shifts(points: Points, width: int, height: int) -> list[Place]:
    """How far inwards each point moves against Blender's smoothing, in pixels.

    Blender 4.5 and 5.0 draw a mask in full up to its outline and let it fall to 0 outside, over a pixel along the
    frame's shorter side and over as many along the longer as that is longer. The middle of that slope is the edge.
    """
    wide, high = max(width / height, 1.0) / 2, max(height / width, 1.0) / 2
    outline = [place for point in points for place in point[1:]]
    turn = sum(a.x * b.y - b.x * a.y for a, b in zip(outline, outline[1:] + outline[:1], strict=True))
    sign = 1.0 if turn > 0 else -1.0
    shifts = []
    for index, (before, _, after) in enumerate(points):
        along = Place(after.x - before.x, after.y - before.y)
        if math.hypot(*along) < _SHARP:
            last, following = points[index - 1][1], points[(index + 1) % len(points)][1]
            along = Place(following.x - last.x, following.y - last.y)
        length = math.hypot(*along) or 1.0
        shifts.append(Place(-sign * wide * along.y / length, sign * high * along.x / length))
    return shifts


def _between(keys: Mapping[int, Points], frame: int) -> Points:
    frames = sorted(keys)
    index = bisect_right(frames, frame)
    before, after = frames[max(index - 1, 0)], frames[min(index, len(frames) - 1)]
    if before == after or frame <= before:
        return keys[before]
    part = (frame - before) / (after - before)
    pairs = zip(keys[before], keys[after], strict=True)
    return [(_mix(a[0], b[0], part), _mix(a[1], b[1], part), _mix(a[2], b[2], part)) for a, b in pairs]


def _mix(a: Place, b: Place, part: float) -> Place:
    return Place(a.x + (b.x - a.x) * part, a.y + (b.y - a.y) * part)


def _stretches(frames: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Unbroken runs of ascending frames."""
    runs: list[tuple[int, int]] = []
    for frame in frames:
        if runs and runs[-1][1] == frame - 1:
            runs[-1] = (runs[-1][0], frame)
        else:
            runs.append((frame, frame))
    return tuple(runs)
