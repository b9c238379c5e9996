"""Graphs of nodes over time: built in Python or read from JSON, evaluated by frame and region, rendered to files.

plate = read("plate.mov").then("to_space", target="ACEScg")
sky = read("sky.####.exr").then("to_space", target="ACEScg").then("loop")
cut = plate.then("estimate_foreground", read("mattes/hero.####.exr")).then("premultiply")
render(cut.then("over", sky), PictureOutput(Path("out/comp.####.exr"), "ACEScg"))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compositing.graph.document import digest, load, save
    from compositing.graph.evaluator import Evaluator
    from compositing.graph.movies import MovieOutput
    from compositing.graph.node import Keys, Node, read, source, walk
    from compositing.graph.output import Identity, Output
    from compositing.graph.pictures import PictureOutput
    from compositing.graph.rendering import Rendered, render

_HOMES = {
    "Evaluator": "evaluator",
    "Identity": "output",
    "Keys": "node",
    "MovieOutput": "movies",
    "Node": "node",
    "Output": "output",
    "PictureOutput": "pictures",
    "Rendered": "rendering",
    "digest": "document",
    "load": "document",
    "read": "node",
    "render": "rendering",
    "save": "document",
    "source": "node",
    "walk": "node",
}

__all__ = [
    "Evaluator",
    "Identity",
    "Keys",
    "MovieOutput",
    "Node",
    "Output",
    "PictureOutput",
    "Rendered",
    "digest",
    "load",
    "read",
    "render",
    "save",
    "source",
    "walk",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
