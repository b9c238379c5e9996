"""Roto splines as files: neutral JSON, a script for Nuke's Roto node, filters for MLT, animated SVG."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from sam2_roto.errors import ExportError
from sam2_roto.export.files import replacing
from sam2_roto.export.names import layer_name
from sam2_roto.mattes.shapes import Points, Shape, Spline

FORMAT = 1
"""Version of the neutral JSON."""

_MLT_MOVE = (0.5, -0.5)  # pixels; MLT's rotoscoping draws half a pixel to the left and downwards (seen in 7.12)


def to_json(spline: Spline, *, rate: float | None = None) -> dict[str, Any]:
    """The spline as numbers, words, lists and dictionaries; ``docs/deliverables.md`` describes the layout."""
    return {
        "format": FORMAT,
        "kind": "sam2_roto.spline",
        "name": spline.name,
        "width": spline.width,
        "height": spline.height,
        "frames": list(spline.frames),
        "rate": rate,
        "tolerance": spline.tolerance,
        "error": spline.error,
        "interpolation": "linear",
        "shapes": [
            {
                "name": shape.name,
                "hole": shape.hole,
                "closed": True,
                "keys": {str(frame): _rounded(shape.keys[frame]) for frame in sorted(shape.keys)},
            }
            for shape in spline.shapes
        ],
    }


def from_json(data: Mapping[str, Any]) -> Spline:
    """Read what :func:`to_json` gave. Raises ExportError where it is something else."""
    try:
        if data["format"] != FORMAT:
            raise ExportError(f"The spline is of format {data['format']}, this version reads {FORMAT}; export it anew.")
        shapes = tuple(_shape(entry) for entry in data["shapes"])
        first, last = data["frames"]
        size = int(data["width"]), int(data["height"])
        return Spline(str(data["name"]), *size, (first, last), shapes, data["tolerance"], data["error"])
    except (KeyError, TypeError, ValueError) as error:
        raise ExportError(f"The spline cannot be read ({error}); give a file that this program exported.") from error


def to_mlt(spline: Spline, *, start: int | None = None) -> list[dict[str, str]]:
    """Properties of MLT's ``rotoscoping`` filters, to be applied in this order: one that empties, one per shape.

    Keys count from the spline's first frame, or from ``start``: a filter counts from the start of its clip. Points are
    parts of the frame's width and height, as handle, point, handle. ``in`` and ``out`` hold the frames on which the
    shape is there. The first filter draws nothing over the whole clip, so that shapes add to an empty alpha; holes
    subtract.
    """
    begin = spline.frames[0] if start is None else start
    size = np.array([spline.width, spline.height])
    nowhere = Shape("", {frame: np.full((3, 3, 2), -9.0) * size for frame in spline.frames})
    drawn = sorted(spline.shapes, key=lambda shape: shape.hole)
    filters = [_rotoscoping(shape, "sub" if shape.hole else "add", begin, size) for shape in drawn]
    return [_rotoscoping(nowhere, "clear", begin, size), *filters]


def _rotoscoping(shape: Shape, operation: str, begin: int, size: Any) -> dict[str, str]:
    digits = len(str(max(shape.last - begin, 0)))  # Kdenlive sorts keys as text
    keys = {
        f"{frame - begin:0{digits}d}": _rounded((shape.keys[frame] + _MLT_MOVE) / size, 6)
        for frame in sorted(shape.keys)
    }
    return {
        "mlt_service": "rotoscoping",
        "mode": "alpha",
        "alpha_operation": operation,
        "spline": json.dumps(keys, separators=(",", ":")),
        "in": str(shape.first - begin),
        "out": str(shape.last - begin),
    }


def to_nuke(spline: Spline) -> str:
    """A Python script that makes a Roto node of the shapes through Nuke's documented ``nuke.rotopaint`` interface.

    Run it in the script editor. Nuke counts y upwards from the lower edge, and handles from their point. A shape's life
    time is its own frames; holes are in a second node, merged with the first by ``stencil``. Nuke joins keys by smooth
    curves, so the script asks for straight lines, looks whether they came, and writes a key on every frame where they
    did not.
    """
    shapes = [
        {
            "name": shape.name,
            "hole": shape.hole,
            "first": shape.first,
            "last": shape.last,
            "keys": [[frame, _upwards(shape.keys[frame], spline.height)] for frame in sorted(shape.keys)],
        }
        for shape in sorted(spline.shapes, key=lambda shape: shape.hole)
    ]
    data = json.dumps(shapes, separators=(",", ":"))
    return _NUKE.replace("@NAME@", json.dumps(f"Roto_{layer_name(spline.name)}")).replace("@SHAPES@", json.dumps(data))


def to_svg(spline: Spline, frame: int | None = None, *, rate: float = 24.0) -> str:
    """An SVG drawing of one frame, or, where none is given, of all, animated over the keys in a loop."""
    first, last = spline.frames
    seconds = max(last - first + 1, 1) / rate
    shapes = sorted(spline.shapes, key=lambda shape: shape.hole)
    if frame is None:
        paths = [_animated(shape, first, last, seconds) for shape in shapes]
    else:
        paths = [_still(shape, points) for shape in shapes if (points := shape.at(frame)) is not None]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {spline.width} {spline.height}"'
    size = f' width="{spline.width}" height="{spline.height}">'
    return "\n".join([head + size, f"<title>{_escaped(spline.name)}</title>", *paths, "</svg>", ""])


def write_spline(path: Path, spline: Spline, *, rate: float | None = None) -> None:
    """Write the spline as its name's ending says: ``.json``, ``.py`` (Nuke), ``.mlt`` (filters), ``.svg``.

    Raises ExportError for another ending, OutputError where the file cannot be written.
    """
    match path.suffix.lower():
        case ".json":
            text = json.dumps(to_json(spline, rate=rate), ensure_ascii=False)
        case ".py":
            text = to_nuke(spline)
        case ".mlt":
            text = _mlt_xml(spline)
        case ".svg":
            text = to_svg(spline, rate=rate or 24.0)
        case ending:
            raise ExportError(f"Splines cannot be written as '{ending}'; use .json, .py (Nuke), .mlt or .svg.")
    with replacing(path) as hidden:
        hidden.write_text(text, encoding="utf-8")


def _shape(entry: Mapping[str, Any]) -> Shape:
    keys = {int(frame): np.array(points, np.float64) for frame, points in entry["keys"].items()}
    shapes = {points.shape for points in keys.values()}
    if len(shapes) != 1 or next(iter(shapes))[1:] != (3, 2):
        raise ValueError(f"the keys of {entry['name']} differ in their points")
    return Shape(str(entry["name"]), keys, bool(entry["hole"]))


def _rounded(points: Points, digits: int = 3) -> list[list[list[float]]]:
    values: list[list[list[float]]] = np.round(points, digits).tolist()
    return values


def _upwards(points: Points, height: int) -> list[list[list[float]]]:
    """Points with y from the lower edge, handles relative to them."""
    turned = points * (1, -1) + (0, height)
    turned[:, [0, 2]] -= turned[:, 1:2]
    return _rounded(turned)


def _mlt_xml(spline: Spline) -> str:
    """The filters as XML, to be put under a producer."""
    rows = ['<?xml version="1.0" encoding="utf-8"?>', "<mlt>"]
    for entry in to_mlt(spline):
        rows.append(f'  <filter in="{entry["in"]}" out="{entry["out"]}">')
        properties = ("mlt_service", "mode", "alpha_operation", "spline")
        rows += [f'    <property name="{name}">{_escaped(entry[name])}</property>' for name in properties]
        rows.append("  </filter>")
    return "\n".join([*rows, "</mlt>", ""])


def _still(shape: Shape, points: Points) -> str:
    return f'<path id={quoteattr(shape.name)} fill="{_fill(shape)}" d="{_way(points)}"/>'


def _animated(shape: Shape, first: int, last: int, seconds: float) -> str:
    """A path whose outline moves from key to key, hidden before and after."""
    span = max(last - first + 1, 1)
    frames = sorted(shape.keys)
    times = [(frame - first) / span for frame in frames]
    ways = [_way(shape.keys[frame]) for frame in frames]
    if times[0] > 0:
        times, ways = [0.0, *times], [ways[0], *ways]
    times, ways = [*times, 1.0], [*ways, ways[-1]]
    moving = f'attributeName="d" dur="{seconds:g}s" repeatCount="indefinite"'
    shown = f'attributeName="visibility" dur="{seconds:g}s" repeatCount="indefinite" calcMode="discrete"'
    begin, end = (shape.first - first) / span, (shape.last + 1 - first) / span
    turns = [("hidden", 0.0)] * (begin > 0) + [("visible", begin)] + [("hidden", end)] * (end < 1)
    return (
        f'<path id={quoteattr(shape.name)} fill="{_fill(shape)}" d="{ways[0]}">'
        f'<animate {moving} keyTimes="{_listed(times)}" values="{";".join(ways)}"/>'
        f'<animate {shown} keyTimes="{_listed([time for _, time in turns])}"'
        f' values="{";".join(word for word, _ in turns)}"/></path>'
    )


def _listed(times: list[float]) -> str:
    return ";".join(f"{time:.6g}" for time in times)


def _fill(shape: Shape) -> str:
    return "black" if shape.hole else "white"


def _way(points: Points) -> str:
    """The path's commands: a move, then a curve to each further point and back to the first."""
    ends = np.roll(points, -1, axis=0)
    curves = [
        f"C{_pair(points[index, 2])} {_pair(ends[index, 0])} {_pair(ends[index, 1])}" for index in range(len(points))
    ]
    return f"M{_pair(points[0, 1])} {' '.join(curves)}Z"


def _pair(place: Any) -> str:
    return f"{place[0]:.2f},{place[1]:.2f}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_NUKE = '''"""Makes Roto nodes of animated shapes: run it in Nuke's script editor."""
import json

import nuke
import nuke.rotopaint as rotopaint

NAME = @NAME@
SHAPES = json.loads(@SHAPES@)
FRAME_RANGE = 4  # a life time from one frame to another
LINEAR = rotopaint.InterpolationType.eLinearInterpolationType
AXES = (0, 1)


def between(keys):
    """Frame and value of every frame between keys that straight lines join."""
    for (start, first), (stop, last) in zip(keys, keys[1:]):
        for frame in range(start + 1, stop):
            yield frame, first + (last - first) * (frame - start) / (stop - start)


def straighten(curve, keys):
    """Join the keys by straight lines. Keys of some versions count the types of lines from 1."""
    for kind in (LINEAR + 1, LINEAR):
        for index in range(curve.getNumberOfKeys()):
            curve.getKey(index).interpolationType = kind
        if all(abs(curve.evaluate(frame) - value) < 0.001 for frame, value in between(keys)):
            return
    for frame, value in list(between(keys)):
        curve.addKey(frame, value)


def animate(part, places):
    for frame, place in places:
        part.addPositionKey(frame, tuple(place))
    for axis in AXES:
        straighten(part.getPositionAnimCurve(axis), [(frame, place[axis]) for frame, place in places])


def add_shape(curves, entry):
    shape = rotopaint.Shape(curves)
    shape.name = entry["name"]
    for index in range(len(entry["keys"][0][1])):
        point = rotopaint.ShapeControlPoint()
        before, place, after = ([(frame, points[index][part]) for frame, points in entry["keys"]] for part in range(3))
        animate(point.center, place)
        for part in (point.leftTangent, point.featherLeftTangent):
            animate(part, before)
        for part in (point.rightTangent, point.featherRightTangent):
            animate(part, after)
        point.featherCenter.addPositionKey(entry["first"], (0.0, 0.0))
        shape.append(point)
    attributes = shape.getAttributes()
    attributes.set(entry["first"], attributes.kLifeTimeTypeAttribute, FRAME_RANGE)
    attributes.set(entry["first"], attributes.kLifeTimeMAttribute, entry["first"])
    attributes.set(entry["first"], attributes.kLifeTimeNAttribute, entry["last"])
    curves.rootLayer.append(shape)


def make_roto(name, entries):
    node = nuke.nodes.Roto(name=name)
    curves = node["curves"]
    for entry in entries:
        add_shape(curves, entry)
    curves.changed()
    return node


roto = make_roto(NAME, [entry for entry in SHAPES if not entry["hole"]])
holes = [entry for entry in SHAPES if entry["hole"]]
if holes:
    nuke.nodes.Merge2(operation="stencil", inputs=[roto, make_roto(NAME + "_holes", holes)])
'''
