"""Mattes as filters, in the form that each program shows and lets the artist edit.

- Alpha: ``shape`` (Kdenlive: Shape Alpha). In Shotcut ``mask_start`` (Mask: From File).
- Effect: ``mask_start`` (Kdenlive: Shape Alpha (Mask), Shotcut: Mask: From File), effects, ``mask_apply``.
- Splines: ``rotoscoping`` (Kdenlive: Rotoscoping; Shotcut lists it and has no panel for it).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from host_adapters.mlt.errors import ProjectError
from host_adapters.mlt.timeline import Flavor
from sam2_roto.export.splines import to_mlt
from sam2_roto.mattes.shapes import Points, Shape, Spline

_AWAY = 10.0  # widths of the frame that a shape is moved aside where it is not there

_SHOTCUT_NAMES: Mapping[str, str] = {
    "frei0r.IIRblur": "blur_gaussian",
    "avfilter.gblur": "blur_gaussian_av",
    "frei0r.coloradj_RGB": "Frei0rColoradjWidget",
    "frei0r.dither": "dither",
    "frei0r.posterize": "posterize",
    "frei0r.colorhalftone": "halftone",
    "mirror": "reflect",
}
"""Filters whose panel Shotcut finds by ``shotcut:filter`` (in its ``meta.qml`` files), and not by their service."""


@dataclass(frozen=True)
class Filter:
    """An MLT filter: its service, and its properties as text."""

    service: str
    properties: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Filter:
        """``frei0r.IIRblur,0=0.4,1=1``: a service, then properties. Raises ProjectError."""
        service, *words = text.split(",")
        pairs = [word.partition("=") for word in words]
        if not service.strip() or not all(name.strip() and equals for name, equals, _ in pairs):
            raise ProjectError(f"the effect '{text}' is not FILTER,NAME=VALUE,…; write it like brightness,level=1.4")
        return cls(service.strip(), {name.strip(): value for name, _, value in pairs})

    def all_properties(self) -> dict[str, str]:
        """Every property, the service first."""
        return {"mlt_service": self.service, **self.properties}


def alpha_filters(resource: str, flavor: Flavor) -> list[Filter]:
    """The matte in the file ``resource`` as the clip's alpha."""
    if flavor == "shotcut":
        return [_masked(resource, flavor)]
    return [_titled(Filter("shape", _file(resource)), "shape", flavor)]


def effect_filters(resource: str, effects: Sequence[Filter], flavor: Flavor) -> list[Filter]:
    """``effects`` where the matte in the file ``resource`` is, and nowhere else."""
    if not effects:
        raise ProjectError("no effect is named; give at least one filter, like effect:brightness,level=1.4")
    apply = _titled(Filter("mask_apply", {"transition": "qtblend"}), "mask_apply", flavor)
    return [_masked(resource, flavor), *(_titled(effect, effect.service, flavor) for effect in effects), apply]


def spline_filters(spline: Spline, positions: range, flavor: Flavor, feather: int = 0) -> list[Filter]:
    """The shapes as ``rotoscoping`` filters, of which the first replaces the clip's alpha.

    Args:
        spline: on a picture of the size that the filters see; its frames are positions.
        positions: of the clip.
        feather: radius in pixels by which MLT softens the edge.

    Keys are at positions of the producer, so that they stay in place when the clip is trimmed. A shape that is not
    there waits outside of the picture: the filters need no in and out points, which programs move as they like.
    """
    drawn = sorted(spline.shapes, key=lambda shape: shape.hole)
    everywhere = [replace(shape, keys=_with_absence(shape, positions, spline.width)) for shape in drawn]
    if not everywhere or everywhere[0].hole:
        everywhere.insert(0, _nowhere(spline, positions))
    moved = replace(spline, shapes=tuple(everywhere))
    entries = to_mlt(moved, start=0)[1:]  # without the filter that empties: the first shape replaces what is there
    return [
        _titled(_rotoscoping(entry, index == 0, positions, feather), "rotoscoping", flavor)
        for index, entry in enumerate(entries)
    ]


def _rotoscoping(entry: Mapping[str, str], first: bool, positions: range, feather: int) -> Filter:
    digits = len(str(positions[-1] + 1))  # Kdenlive sorts keys as text, and pads them so
    keys = {f"{int(key):0{digits}d}": points for key, points in json.loads(entry["spline"]).items()}
    properties = {
        "mode": "alpha",
        "alpha_operation": "clear" if first else entry["alpha_operation"],
        "invert": "0",
        "feather": str(feather),
        "feather_passes": "1",
        "spline": json.dumps(keys, separators=(",", ":")),
    }
    return Filter("rotoscoping", properties)


def _with_absence(shape: Shape, positions: range, width: int) -> dict[int, Points]:
    keys = dict(shape.keys)
    aside = (-_AWAY * width, 0.0)
    if shape.first > positions[0]:
        keys[shape.first - 1] = shape.keys[shape.first] + aside
    if shape.last < positions[-1]:
        keys[shape.last + 1] = shape.keys[shape.last] + aside
    return keys


def _nowhere(spline: Spline, positions: range) -> Shape:
    return Shape("nowhere", {positions[0]: np.full((3, 3, 2), -_AWAY * spline.width)})


def _masked(resource: str, flavor: Flavor) -> Filter:
    """A filter that keeps the picture aside for ``mask_apply`` and sets the alpha."""
    inner = {f"filter.{name}": value for name, value in _file(resource).items()}
    if flavor == "shotcut":
        return Filter("mask_start", {"filter": "shape", "shotcut:filter": "maskFromFile", **inner})
    return _titled(Filter("mask_start", {"filter": "shape", **inner}), "mask_start-shape", flavor)


def _file(resource: str) -> dict[str, str]:
    """A mask from a file: its alpha as it is, without a threshold."""
    values = {"mix": "100", "softness": "0", "invert": "0", "use_luminance": "0", "use_mix": "0", "audio_match": "0"}
    return {"resource": resource, **values}


def _titled(filter: Filter, name: str, flavor: Flavor) -> Filter:
    """The filter with the property by which the program knows its panel; what the user gave counts."""
    if flavor == "kdenlive":
        return replace(filter, properties={"kdenlive_id": name, "kdenlive:collapsed": "0", **filter.properties})
    if flavor == "shotcut" and filter.service in _SHOTCUT_NAMES:
        return replace(filter, properties={"shotcut:filter": _SHOTCUT_NAMES[filter.service], **filter.properties})
    return filter
