"""Pictures out of a graph: worked out when they are asked for, and no more of them than is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from compositing.closing import Closing
from compositing.device import usable
from compositing.errors import GraphError
from compositing.footage import Footage
from compositing.footage.frames import FrameRange
from compositing.graph.cache import ImageCache
from compositing.graph.kinds import KINDS
from compositing.graph.node import Node, walk
from compositing.graph.reader import Reader
from compositing.image import Image, Window
from compositing.operations.alpha import opaque
from compositing.operations.pairs import nothing, part

CACHE_BYTES = 1 << 30


class Evaluator(Closing):
    """Opens footage, evaluates nodes and keeps what is used again. Use it as a context manager; for one thread.

    Kept are pictures that several nodes take, those that are the same on every frame, and, with ``remember``, those
    that were asked for; all of them in ``cache_bytes`` at most. Pictures are worked out on ``device``; CompositingError
    is raised where that cannot be had.
    """

    def __init__(
        self, *, cache_bytes: int = CACHE_BYTES, remember: bool = True, look_ahead: int = 3, device: str = "cpu"
    ) -> None:
        self._device = usable(device)
        self._cache = ImageCache(cache_bytes)
        self._remember = remember
        self._look_ahead = look_ahead
        self._readers: dict[Hashable, Reader] = {}
        self._takers: Counter[Node] = Counter()
        self._roots: dict[Node, list[Node]] = {}
        self._static: dict[Node, bool] = {}

    def image(self, node: Node, frame: int, region: Window | None = None) -> Image:
        """The picture of a node on a frame.

        With ``region`` only what lies in it is worked out, and the data window ends there; outside it nothing is
        promised. Raises what the operations and the footage raise.
        """
        self._know(node)
        return self._image(node, frame, region, kept=self._remember)

    def frames(self, node: Node) -> FrameRange | None:
        """Where the node has pictures: what all its inputs have, or None where it is endless.

        Raises GraphError where its inputs have no frame in common.
        """
        inputs = [self.frames(each) for each in node.inputs]
        kind = KINDS[node.kind]
        if node.kind == "read":
            reader = self._reader(node)
            return None if reader.still else FrameRange(reader.footage.first, reader.footage.last)
        if kind.frames is not None:
            return kind.frames(node.settings, inputs[0])
        bounded = [each for each in inputs if each is not None]
        if not bounded:
            return None
        first, last = max(each.first for each in bounded), min(each.last for each in bounded)
        if last < first:
            told = ", ".join(map(str, bounded))
            raise GraphError(f"The inputs of {node.kind} have no frame in common ({told}); shift or hold one of them.")
        return FrameRange(first, last)

    def display(self, node: Node, frame: int) -> Window:
        """The frame (display window) of a node's picture, known without working the picture out."""
        if node.kind == "read":
            return self._reader(node).display()
        kind = KINDS[node.kind]
        if kind.time is not None:
            return self.display(node.inputs[0], self._other(node, frame))
        return kind.display(node.settings_at(frame), [self.display(each, frame) for each in node.inputs])

    def expect(self, node: Node, frames: Iterable[int]) -> None:
        """Begin to read what the node needs on these frames; what else was expected before is dropped."""
        self._know(node)
        wanted = list(dict.fromkeys(found for frame in frames for found in self._reads(node, frame)))
        for reader in {reader for reader, _ in wanted}:
            reader.forget({each for owner, each in wanted if owner is reader})
        for reader, each in wanted:
            reader.expect(each)

    def reader(self, node: Node) -> Reader:
        """The reader of a ``read`` node, opened now where it is not open yet."""
        return self._reader(node)

    @property
    def opened(self) -> list[Footage]:
        """All footage that was opened so far."""
        return [reader.footage for reader in self._readers.values()]

    def close(self) -> None:
        """Close the footage and drop what is kept."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        self._cache.clear()

    def _image(self, node: Node, frame: int, region: Window | None, *, kept: bool = False) -> Image:
        keep = kept or self._takers[node] > 1 or self._is_static(node)
        key = (node, None if self._is_static(node) else frame)
        found = self._cache.find(key, region) if keep else None
        if found is not None:
            return _within(found, region)
        # What is the same on every frame is worked out whole: the next frame may ask for another part of it.
        asked = None if self._is_static(node) else region
        image = _within(self._work(node, frame, asked), asked)
        if keep:
            self._cache.keep(key, asked, image)
        return _within(image, region)

    def _work(self, node: Node, frame: int, region: Window | None) -> Image:
        kind, settings = KINDS[node.kind], node.settings_at(frame)
        if node.kind == "read":
            return self._reader(node).read(frame).to(self._device)
        if kind.time is not None:
            return self._image(node.inputs[0], self._other(node, frame), region)
        asked: list[Window | None] = [None] * len(node.inputs)
        if region is not None and node.inputs:
            asked = list(kind.region(region, settings, [self.display(each, frame) for each in node.inputs]))
        inputs = [self._image(each, frame, part) for each, part in zip(node.inputs, asked, strict=True)]
        result: Image = kind.operation(*inputs, **settings)
        return result if inputs else result.to(self._device)

    def _other(self, node: Node, frame: int) -> int:
        rule = KINDS[node.kind].time
        assert rule is not None
        settings: dict[str, Any] = node.settings_at(frame)
        return rule(frame, settings, self.frames(node.inputs[0]))

    def _reads(self, node: Node, frame: int) -> Iterator[tuple[Reader, int]]:
        """The footage frames that a node's picture is made of, those of static parts left out."""
        if self._is_static(node):
            return
        if node.kind == "read":
            yield self._reader(node), frame
        elif KINDS[node.kind].time is not None:
            yield from self._reads(node.inputs[0], self._other(node, frame))
        else:
            for each in node.inputs:
                yield from self._reads(each, frame)

    def _is_static(self, node: Node) -> bool:
        """Whether the picture is the same on every frame."""
        if node not in self._static:
            if node.kind == "read":
                self._static[node] = self._reader(node).still
            elif node.kind == "hold":
                self._static[node] = True
            else:
                self._static[node] = not node.moving and all(self._is_static(each) for each in node.inputs)
        return self._static[node]

    def _reader(self, node: Node) -> Reader:
        key = tuple(sorted(node.settings.items(), key=lambda item: item[0]))
        if key not in self._readers:
            self._readers[key] = Reader(KINDS["read"].operation(**node.settings), self._look_ahead)
        return self._readers[key]

    def _know(self, root: Node) -> None:
        """Count who takes what below a root that is new."""
        if root in self._roots:
            return
        fresh = set(walk(root)) - set(self._takers)
        self._roots[root] = walk(root)
        self._takers.update(dict.fromkeys(fresh, 0))
        for node in fresh:
            self._takers.update(node.inputs)


def _within(image: Image, region: Window | None) -> Image:
    """The image without what lies outside the region, as a view."""
    if region is None or region.contains(image.data):
        return image
    seen = image.data.intersection(region)
    if seen is None:
        return nothing(opaque(image))
    return replace(image, pixels=part(image, seen), data=seen)
