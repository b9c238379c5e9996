"""Rendering: frame by frame through a graph, with threads that read ahead and write behind."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from compositing.errors import GraphError
from compositing.footage.frames import FrameRange
from compositing.graph.evaluator import Evaluator
from compositing.graph.node import Node
from compositing.graph.output import Output
from compositing.image import Image
from compositing.progress import Progress, silent

_AHEAD = 3
_WAITING = 2


@dataclass(frozen=True)
class Rendered:
    """The files, and how many frames were worked out now and how many were there already."""

    files: tuple[Path, ...]
    rendered: int
    found: int


def render(
    node: Node,
    output: Output,
    frames: Sequence[int] | FrameRange | None = None,
    *,
    progress: Progress = silent,
    evaluator: Evaluator | None = None,
) -> Rendered:
    """Write a node's pictures to an output: by default on every frame that it has.

    Frames that the output has already are left as they are. To cancel, raise from ``progress``: frames in work are
    finished, nothing half-written is left, and the same call goes on later. Raises GraphError for an endless node
    without ``frames``, and what evaluation and output raise.
    """
    with ExitStack() as stack:
        try:
            evaluator = evaluator or stack.enter_context(Evaluator(remember=False))
            wanted = list(frames if frames is not None else _all(evaluator, node))
            missing = [frame for frame in wanted if not output.has(frame)]
            found = len(wanted) - len(missing)
            with _Writers(output) as writers:
                for index, frame in enumerate(missing):
                    progress("render", found + index, len(wanted))
                    evaluator.expect(node, missing[index : index + _AHEAD])
                    writers.write(frame, evaluator.image(node, frame))
            files = output.close()
        except BaseException:
            output.abandon()
            raise
    progress("render", len(wanted), len(wanted))
    return Rendered(tuple(files), len(missing), found)


class _Writers:
    """The output's threads; at most a few pictures wait for them, so that memory does not grow."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._pool = ThreadPoolExecutor(output.workers, thread_name_prefix="write")
        self._places = threading.BoundedSemaphore(output.workers + _WAITING)
        self._error: BaseException | None = None

    def write(self, frame: int, image: Image) -> None:
        """Hand a picture over; blocks while too many wait. Raises what an earlier one met with."""
        self._places.acquire()
        if self._error is not None:
            raise self._error
        self._pool.submit(self._output.write, frame, image).add_done_callback(self._finished)

    def __enter__(self) -> _Writers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=error is not None)
        if error is None and self._error is not None:
            raise self._error

    def _finished(self, future: Future[None]) -> None:
        if not future.cancelled() and self._error is None:
            self._error = future.exception()
        self._places.release()


def _all(evaluator: Evaluator, node: Node) -> FrameRange:
    frames = evaluator.frames(node)
    if frames is None:
        raise GraphError("The graph has pictures on every frame there is; say which of them to render.")
    return frames
