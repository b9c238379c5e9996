"""The kinds of nodes: what each does, how many inputs it takes, which part of them and which of their frames it needs.

| kinds | what they do |
|---|---|
| ``read``, ``constant``, ``ramp``, ``checker``, ``shape``, ``text`` | sources |
| ``shift``, ``hold``, ``loop``, ``clamp``, ``retime`` | time |
| the names of ``MERGES``; ``blend`` | two inputs, A and B |
| the names of the functions in ``compositing.operations`` | as they are described there |
| ``transform``, ``shadow`` | with numbers in place of a matrix |
| ``fit``, ``reframe`` | a picture brought to the frame of another, or a part of it to a size |
| ``choose``, ``colored`` | some channels, in that order; R, G and B in place of luminance alone |
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from compositing import background
from compositing.errors import GraphError
from compositing.footage import open_footage
from compositing.graph import adapters, regions, timing
from compositing.graph.regions import DisplayRule, RegionRule
from compositing.operations import (
    alpha,
    colorspace,
    filter,
    foreground,
    generators,
    grade,
    keying,
    match,
    merge,
    transform,
)


@dataclass(frozen=True)
class Kind:
    """One kind of node.

    ``operation`` takes the inputs' images and the settings by name, and gives an image (``read``: the footage).
    ``time`` is given for kinds that choose another frame of their only input; then nothing else is done, and
    ``frames`` says where such a kind has pictures.
    """

    operation: Callable[..., Any]
    inputs: int
    region: RegionRule = regions.same
    display: DisplayRule = regions.first_display
    time: timing.TimeRule | None = None
    frames: timing.FramesRule | None = None

    def check(self, name: str, settings: Mapping[str, Any]) -> None:
        """Raises GraphError for settings that the operation does not know, or where one that it needs is missing."""
        known = self.parameters()
        strange = [each for each in settings if each not in known]
        if strange:
            raise GraphError(f"The node {name} has no setting {strange[0]!r}; it has {', '.join(known) or 'none'}.")
        missing = [each for each, needed in known.items() if needed and each not in settings]
        if missing:
            raise GraphError(f"The node {name} needs the setting {missing[0]!r}.")

    def parameters(self) -> dict[str, bool]:
        """The settings by name, and whether each is needed."""
        given = self.inputs if self.time is None else 2  # a time rule takes a frame and a range
        listed = list(inspect.signature(self.operation).parameters.values())[given:]
        return {each.name: each.default is inspect.Parameter.empty for each in listed if each.name != "out"}


def _time(rule: Callable[..., int], frames: timing.FramesRule) -> Kind:
    return Kind(rule, 1, time=timing.with_settings(rule), frames=frames)


_SOURCES = {
    "read": Kind(open_footage, 0),
    "constant": Kind(generators.constant, 0, display=regions.sized_display),
    "ramp": Kind(generators.ramp, 0, display=regions.sized_display),
    "checker": Kind(generators.checker, 0, display=regions.sized_display),
    "shape": Kind(generators.shape, 0, display=regions.sized_display),
    "text": Kind(generators.text, 0, display=regions.sized_display),
}

_POINTWISE = {
    function.__name__: Kind(function, 1)
    for function in (
        alpha.premultiply,
        alpha.unpremultiply,
        alpha.opaque,
        alpha.without_alpha,
        colorspace.to_space,
        grade.grade,
        grade.saturation,
        grade.exposure,
        keying.despill,
        keying.levels,
        generators.vignette,
        adapters.choose,
        adapters.colored,
    )
}

_FILTERS = {
    "gaussian": Kind(filter.gaussian, 1, regions.grown("sigma", 0.0, 3.0)),
    "box": Kind(filter.box, 1, regions.grown("width", 0.0)),
    "defocus": Kind(filter.defocus, 1, regions.grown("radius", 0.0)),
    "erode": Kind(filter.erode, 1, regions.grown("radius", 0.0)),
    "dilate": Kind(filter.dilate, 1, regions.grown("radius", 0.0)),
    "edge_extend": Kind(filter.edge_extend, 1, regions.whole),
}

_TRANSFORMS = {
    "transform": Kind(adapters.transform, 1, regions.mapped(adapters.matrix)),
    "corner_pin": Kind(transform.corner_pin, 1, regions.whole),
    "reformat": Kind(transform.reformat, 1, regions.whole, regions.sized_display),
    "crop": Kind(adapters.crop, 1, regions.cut, regions.cut_display),
    "fit": Kind(adapters.fit, 2, regions.whole, lambda _, displays: displays[1]),
    "reframe": Kind(adapters.reframe, 1, regions.whole, regions.sized_display),
}

_PAIRS = {
    "with_alpha": Kind(alpha.with_alpha, 2),
    "blend": Kind(adapters.blend_mode, 2),
    "mix": Kind(keying.mix, 2),
    "keymix": Kind(keying.keymix, 3),
    "light_wrap": Kind(keying.light_wrap, 2, regions.grown("sigma", 8.0, 3.0)),
    "estimate_foreground": Kind(foreground.estimate_foreground, 2, regions.whole),
    "color_match": Kind(match.color_match, 2, regions.whole),
    "shadow": Kind(adapters.shadow, 1, regions.whole),
}

_MERGES = {name: Kind(partial(merge.merge, name), 2) for name in merge.MERGES}

_BACKGROUNDS = {
    "replace_background": Kind(background.replace_background, 3, regions.whole),
    "cut_out": Kind(background.cut_out, 2, regions.whole),
    "blurred_background": Kind(background.blurred_background, 2, regions.whole),
}

_TIMES = {
    "shift": _time(timing.shift, timing.shifted),
    "hold": _time(timing.hold, timing.endless),
    "clamp": _time(timing.clamp, timing.endless),
    "loop": _time(timing.loop, timing.endless),
    "retime": _time(timing.retime, timing.retimed),
}

KINDS: Mapping[str, Kind] = {
    **_SOURCES,
    **_POINTWISE,
    **_FILTERS,
    **_TRANSFORMS,
    **_PAIRS,
    **_MERGES,
    **_BACKGROUNDS,
    **_TIMES,
}
