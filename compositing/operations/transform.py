"""Transforms: affine, corner pin, reformat and crop, with motion blur over a shutter.

Points are pixels of the plate, y downwards; the pixel (0, 0) covers 0 to 1 and its centre is (0.5, 0.5). Images must
be premultiplied, so that no colour of transparent pixels is drawn in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from compositing.errors import ImageError
from compositing.image import Image, Window
from compositing.operations.bands import bands, empty
from compositing.operations.pairs import check_premultiplied, nothing
from compositing.operations.resample import Filter, bordered, look_up, named, scale

Point = tuple[float, float]
Fit = Literal["fit", "fill", "stretch", "none"]
Edges = Literal["black", "repeat"]


def affine_matrix(
    *,
    translate: Point = (0.0, 0.0),
    rotate: float = 0.0,
    scale: float | Point = 1.0,
    skew: float = 0.0,
    centre: Point = (0.0, 0.0),
) -> Tensor:
    """``[3, 3]`` float64 that skews, scales, turns by ``rotate`` degrees (clockwise as seen), all about ``centre``,
    and then moves by ``translate``. ``skew`` is how far x moves per pixel of y."""
    across, down = (scale, scale) if isinstance(scale, int | float) else scale
    cosine, sine = math.cos(math.radians(rotate)), math.sin(math.radians(rotate))
    turn = torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.float64)
    linear = turn @ torch.diag(torch.tensor([across, down], dtype=torch.float64))
    linear = linear @ torch.tensor([[1.0, skew], [0.0, 1.0]], dtype=torch.float64)
    middle = torch.tensor(centre, dtype=torch.float64)
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[:2, :2] = linear
    matrix[:2, 2] = middle - linear @ middle + torch.tensor(translate, dtype=torch.float64)
    return matrix


def corner_matrix(source: Sequence[Point], target: Sequence[Point]) -> Tensor:
    """``[3, 3]`` float64: the homography that takes four points to four others (Heckbert 1989, section 2.2.3).

    Raises ImageError where three of the points lie on a line.
    """
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    system = torch.tensor(rows, dtype=torch.float64)
    if len(source) != 4 or torch.linalg.matrix_rank(system) < 8:
        raise ImageError("A corner pin needs four corners, no three of them on one line.")
    solved = torch.linalg.solve(system, torch.tensor(values, dtype=torch.float64))
    return torch.cat([solved, solved.new_ones(1)]).reshape(3, 3)


def transform(image: Image, matrix: Tensor, *, filter: Filter = "cubic", window: Window | None = None) -> Image:
    """The image moved by a 3x3 matrix (of ``affine_matrix``, ``corner_matrix``), black outside.

    The data window is what the moved pixels cover, cut to ``window`` (by default, to the display window). Where the
    image shrinks, it is scaled down with the same filter first. Raises ImageError where the matrix has no inverse.
    """
    check_premultiplied(image)
    named(filter)
    matrix = matrix.double().cpu()
    if matrix.det().abs() < 1e-12:
        raise ImageError("The transform flattens the picture to a line; give a matrix that has an inverse.")
    covered = _covered(image.data, matrix, 0 if filter == "nearest" else 1)
    covered = covered.intersection(window or image.display) if covered is not None else window or image.display
    if covered is None:
        return nothing(image)
    whole = matrix[:2, 2].round()
    if torch.equal(matrix, affine_matrix(translate=(float(whole[0]), float(whole[1])))):
        moved = replace(image, data=image.data.moved(int(whole[0]), int(whole[1])))
        return moved.cropped(covered)
    small, smaller = _shrunk(image, matrix, filter)
    return replace(image, pixels=_warped(small, smaller, covered, filter), data=covered)


def corner_pin(image: Image, corners: Sequence[Point], *, filter: Filter = "cubic") -> Image:
    """The display window's corners (upper left, upper right, lower right, lower left) pinned to four points."""
    frame = image.display
    source = [(frame.x0, frame.y0), (frame.x1, frame.y0), (frame.x1, frame.y1), (frame.x0, frame.y1)]
    return transform(image, corner_matrix(source, corners), filter=filter)


def motion_blur(
    image: Image,
    matrix_at: Callable[[float], Tensor],
    *,
    shutter: float = 0.5,
    samples: int = 16,
    filter: Filter = "cubic",
) -> Image:
    """The mean of ``samples`` transforms over an open shutter.

    ``matrix_at(time)`` gives the matrix at a time in frames, 0 being this frame; the shutter is open for ``shutter``
    frames round it (0.5 is 180 degrees), and each sample stands for the middle of its share.
    """
    if samples < 1 or shutter < 0:
        raise ImageError(f"A shutter of {shutter} frames and {samples} samples cannot be; give 0 or more, 1 or more.")
    times = [((step + 0.5) / samples - 0.5) * shutter for step in range(samples)]
    moved = [transform(image, matrix_at(time), filter=filter) for time in times]
    window = moved[0].data
    for sample in moved[1:]:
        window = window.union(sample.data)
    total = image.pixels.new_zeros(len(image.channels), window.height, window.width)
    for sample in moved:
        rows, columns = window.slices(sample.data)
        total[:, rows, columns] += sample.pixels
    return replace(image, pixels=total.div_(samples), data=window)


def reformat(
    image: Image, width: int, height: int, *, fit: Fit = "fit", filter: Filter = "lanczos", edges: Edges = "repeat"
) -> Image:
    """The picture on a display window of ``width`` x ``height`` that begins at the origin.

    ``fit`` shows all of it with bars, ``fill`` covers the window and cuts what stands over, ``stretch`` distorts,
    ``none`` only centres it. ``edges="repeat"`` takes the pixels beyond the data window as its last ones while
    filtering, so that a full plate keeps a crisp edge; ``"black"`` lets a cut-out's edge fade.
    """
    check_premultiplied(image)
    old, display = image.display, Window.sized(width, height)
    across, down = _factors(old, display, fit)
    left, top = (width - old.width * across) / 2, (height - old.height * down) / 2
    if fit == "none":
        left, top = math.floor(left), math.floor(top)
    x0, x1 = ((x - old.x0) * across + left for x in (image.data.x0, image.data.x1))
    y0, y1 = ((y - old.y0) * down + top for y in (image.data.y0, image.data.y1))
    covered = Window(round(x0), round(y0), max(round(x1), round(x0) + 1), max(round(y1), round(y0) + 1))
    data = covered.intersection(display)
    if data is None:
        return nothing(replace(image, display=display))
    columns = (torch.arange(data.x0, data.x1, dtype=torch.float64) + 0.5 - x0) / across
    rows = (torch.arange(data.y0, data.y1, dtype=torch.float64) + 0.5 - y0) / down
    pixels = scale(image.pixels, columns, rows, (1 / across, 1 / down), filter, repeat=edges == "repeat")
    return replace(image, pixels=pixels, data=data, display=display)


def crop(image: Image, window: Window, *, reframe: bool = False) -> Image:
    """What lies outside ``window`` cut away; with ``reframe`` the window becomes the display window, at the origin."""
    data = image.data.intersection(window)
    cut = image.cropped(data) if data is not None else nothing(image)
    if not reframe:
        return cut
    if data is None:
        return nothing(replace(image, display=Window.sized(window.width, window.height)))
    frame = Window.sized(window.width, window.height)
    return replace(cut, data=cut.data.moved(-window.x0, -window.y0), display=frame)


def _factors(old: Window, new: Window, fit: Fit) -> tuple[float, float]:
    across, down = new.width / old.width, new.height / old.height
    if fit == "none":
        return 1.0, 1.0
    if fit == "stretch":
        return across, down
    if fit not in ("fit", "fill"):
        raise ImageError(f"There is no fit {fit!r}; there are fit, fill, stretch and none.")
    factor = min(across, down) if fit == "fit" else max(across, down)
    return factor, factor


def _covered(data: Window, matrix: Tensor, margin: int) -> Window | None:
    """The window that the moved data window covers; None where a part of it goes beyond the horizon."""
    x0, y0, x1, y1 = data.x0 - margin, data.y0 - margin, data.x1 + margin, data.y1 + margin
    corners = torch.tensor([[x0, y0, 1], [x1, y0, 1], [x1, y1, 1], [x0, y1, 1]], dtype=torch.float64).T
    moved = matrix @ corners
    if moved[2].min() <= 1e-9 < moved[2].max():
        return None
    x, y = moved[0] / moved[2], moved[1] / moved[2]
    low_x, low_y = math.floor(x.min()), math.floor(y.min())
    return Window(low_x, low_y, max(math.ceil(x.max()), low_x + 1), max(math.ceil(y.max()), low_y + 1))


def _shrunk(image: Image, matrix: Tensor, filter: Filter) -> tuple[Image, Tensor]:
    """The image scaled down by what the matrix shrinks it at its centre, and the matrix for what is left to do."""
    data = image.data
    centre = torch.tensor([(data.x0 + data.x1) / 2, (data.y0 + data.y1) / 2, 1.0], dtype=torch.float64)
    moved = matrix @ centre
    slopes = (matrix[:2, :2] - torch.outer(moved[:2] / moved[2], matrix[2, :2])) / moved[2]
    width, height = (
        max(1, math.ceil(size * min(1.0, float(slope))))
        for size, slope in zip((data.width, data.height), slopes.norm(dim=0), strict=True)
    )
    if filter == "nearest" or (width, height) == (data.width, data.height):
        return image, matrix
    stretch = data.width / width, data.height / height
    columns = (torch.arange(width, dtype=torch.float64) + 0.5) * stretch[0]
    rows = (torch.arange(height, dtype=torch.float64) + 0.5) * stretch[1]
    # One black pixel more on each side would blur the border twice; the look-up after this fades it once.
    pixels = scale(image.pixels, columns, rows, stretch, filter, repeat=True)
    back = affine_matrix(translate=(data.x0, data.y0)) @ affine_matrix(scale=stretch)
    return replace(image, pixels=pixels, data=Window.sized(width, height)), matrix @ back


def _warped(image: Image, matrix: Tensor, window: Window, filter: Filter) -> Tensor:
    inverse = torch.linalg.inv(matrix)
    data, device = image.data, image.pixels.device
    if _upright(inverse):
        across, down = float(inverse[0, 0]), float(inverse[1, 1])
        columns = across * _centres(window.x0, window.x1) + inverse[0, 2] - data.x0
        rows = down * _centres(window.y0, window.y1) + inverse[1, 2] - data.y0
        return scale(image.pixels, columns, rows, (1.0, 1.0), filter, repeat=False)
    table = bordered(image.pixels, filter)
    pixels = empty((len(image.channels), window.height, window.width), device)
    # A point has some dozens of taps, each with its index and weight.
    for band in bands(window, 16 * len(image.channels), device):
        x, y = (axis.to(device) for axis in _sources(inverse, band))
        found = look_up(table, (data.width, data.height), x - data.x0, y - data.y0, filter)
        rows, columns = window.slices(band)
        pixels[:, rows, columns] = found.T.reshape(-1, band.height, band.width)
    return pixels


def _upright(matrix: Tensor) -> bool:
    """Whether rows stay rows and columns columns, so that each can be scaled by itself."""
    return matrix[[0, 1, 2, 2], [1, 0, 0, 1]].abs().max().item() == 0 and matrix[2, 2].item() == 1


def _centres(begin: int, end: int) -> Tensor:
    return torch.arange(begin, end, dtype=torch.float64) + 0.5


def _sources(inverse: Tensor, window: Window) -> tuple[Tensor, Tensor]:
    """Where the window's pixels come from: x and y, float64 ``[N]``, row after row."""
    x, y = _centres(window.x0, window.x1), _centres(window.y0, window.y1)[:, None]
    u, v = (_plane(inverse[row], x, y) for row in (0, 1))
    if inverse[2].tolist() != [0.0, 0.0, 1.0]:
        w = _plane(inverse[2], x, y)
        # Behind the horizon nothing is seen: a point far outside the picture is looked up instead.
        seen = w > 1e-9 if w.max() > 0 else w < -1e-9
        u, v = (torch.where(seen, axis / w, torch.full_like(axis, -1e6)) for axis in (u, v))
    return u.flatten().clamp_(-1e6, 1e6), v.flatten().clamp_(-1e6, 1e6)


def _plane(weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """``weights`` times (x, y, 1) for a row x ``[W]`` and a column y ``[H, 1]``; ``[H, W]``."""
    return (weights[0] * x + weights[2]) + weights[1] * y
