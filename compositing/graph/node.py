"""A node: what is done, to which inputs, with which settings. Plain data; an ``Evaluator`` makes pictures of it."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from compositing.errors import GraphError
from compositing.graph.kinds import KINDS

Number: TypeAlias = float | tuple[float, ...]


@dataclass(frozen=True)
class Keys:
    """A setting that changes over time: a number, or several, at each of some frames.

    Between them values are interpolated linearly; before the first and after the last they are held. Raises GraphError
    where there are no keys, or where they hold different numbers of values.
    """

    values: Mapping[int, Number]

    def __post_init__(self) -> None:
        sizes = {len(value) if isinstance(value, tuple) else None for value in self.values.values()}
        if len(sizes) != 1:
            raise GraphError("Keys need at least one frame, and the same number of values on each of them.")
        object.__setattr__(self, "values", dict(sorted(self.values.items())))

    def at(self, frame: float) -> Number:
        """The value at a frame or between two."""
        frames = list(self.values)
        after = bisect.bisect_right(frames, frame)
        if after in (0, len(frames)):
            return self.values[frames[min(after, len(frames) - 1)]]
        first, last = frames[after - 1], frames[after]
        return _between(self.values[first], self.values[last], (frame - first) / (last - first))


Setting: TypeAlias = bool | int | float | str | tuple["Setting", ...] | Keys | None


@dataclass(frozen=True, eq=False)
class Node:
    """One step of a graph. ``kind`` is a key of ``KINDS``, ``settings`` are that operation's own keyword arguments.

    Nodes are never changed; a node that is the input of several others is worked out once. Raises GraphError for an
    unknown kind, a wrong number of inputs, or settings that the kind does not know or lacks.
    """

    kind: str
    inputs: tuple[Node, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise GraphError(f"There is no kind of node {self.kind!r}; there are {', '.join(sorted(KINDS))}.")
        kind = KINDS[self.kind]
        if len(self.inputs) != kind.inputs:
            raise GraphError(f"The node {self.kind} takes {kind.inputs} inputs, not {len(self.inputs)}.")
        kind.check(self.kind, self.settings)

    def then(self, kind: str, /, *others: Node, **settings: Setting) -> Node:
        """The node that does ``kind`` to this one, and to ``others`` as its further inputs."""
        return Node(kind, (self, *others), settings)

    @property
    def moving(self) -> bool:
        """Whether a setting changes over time."""
        return any(isinstance(setting, Keys) for setting in self.settings.values())

    def settings_at(self, frame: int) -> dict[str, Setting]:
        """The settings on one frame, with the values of keys."""
        return {name: value.at(frame) if isinstance(value, Keys) else value for name, value in self.settings.items()}


def source(kind: str, /, **settings: Setting) -> Node:
    """A node without inputs: ``constant``, ``ramp``, ``checker``, ``shape``, ``text`` or ``read``."""
    return Node(kind, (), settings)


def read(path: str, /, **how: Setting) -> Node:
    """A movie, sequence or still; ``how`` is as in ``open_footage`` (start, color_space, rate, layer).

    A still is there on every frame.
    """
    return Node("read", (), {"path": str(path), **how})


def walk(*roots: Node) -> list[Node]:
    """Every node below the roots once, inputs before those that take them."""
    ordered: dict[int, Node] = {}
    waiting = [(root, False) for root in reversed(roots)]
    while waiting:
        node, ready = waiting.pop()
        if id(node) in ordered:
            continue
        if ready:
            ordered[id(node)] = node
        else:
            waiting.append((node, True))
            waiting.extend((each, False) for each in reversed(node.inputs))
    return list(ordered.values())


def _between(first: Number, last: Number, part: float) -> Number:
    if isinstance(first, tuple) and isinstance(last, tuple):
        return tuple(a + (b - a) * part for a, b in zip(first, last, strict=True))
    assert not isinstance(first, tuple)
    assert not isinstance(last, tuple)
    return first + (last - first) * part
