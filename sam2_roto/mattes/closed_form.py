"""Hair: alpha by the closed form of Levin, Lischinski & Weiss (2008), through the package PyMatting.

Within the unknown part of an automatic trimap, alpha is locally linear in the plate's colour; where colour does not
say, it stays near the matte that is there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.errors import ExportError
from sam2_roto.mattes.scene import Picture

_SMOOTH = 1e-7  # the closed form's own regularisation
_FLOOR = 0.02
_TOLERANCE = 1e-3  # of the first residual
_MOST = 400
_LEAST_TRUST = 1e-6

Array = NDArray[Any]


def trimap(alpha: Tensor, inner: float, outer: float) -> Tensor:
    """1 surely inside, 0 surely outside and 0.5 unknown: ``[H, W]`` float32.

    Unknown is what lies within ``inner`` pixels inwards and ``outer`` pixels outwards of anything soft.
    """
    solid = -_dilated(-(alpha >= 1 - _FLOOR).float(), inner)
    empty = 1 - _dilated((alpha > _FLOOR).float(), outer)
    return torch.where(solid > 0.5, 1.0, torch.where(empty > 0.5, 0.0, 0.5))


def closed_form_alpha(alpha: Tensor, picture: Picture, inner: float, outer: float, *, trust: float = 0.01) -> Tensor:
    """Alpha ``[H, W]`` solved anew from the plate between what is surely in and surely out.

    Args:
        alpha: the matte so far, float32, 0 to 1.
        picture: the plate.
        inner, outer: widths of the unknown band in pixels, as in :func:`trimap`.
        trust: weight of the matte so far within the band; 0 leaves it to colour alone.

    Returns:
        float32 ``[H, W]`` on alpha's device. The solver runs on the CPU.

    Raises:
        ExportError: PyMatting is not installed.
    """
    regions = trimap(alpha, inner, outer)
    unknown = regions == 0.5
    rows, columns = unknown.any(1).nonzero(), unknown.any(0).nonzero()
    if not rows.numel():
        return alpha
    y0, y1 = max(0, int(rows[0]) - 2), int(rows[-1]) + 3
    x0, x1 = max(0, int(columns[0]) - 2), int(columns[-1]) + 3
    part, known = alpha[y0:y1, x0:x1].cpu(), ~unknown[y0:y1, x0:x1].cpu()
    target = torch.where(known, regions[y0:y1, x0:x1].cpu(), part).numpy()
    solved = _solve(picture.view[y0:y1, x0:x1], target, known.numpy(), trust)
    result = regions.where(~unknown, alpha)
    result[y0:y1, x0:x1] = torch.from_numpy(solved).to(alpha.device)
    return result


def _solve(view: Array, target: Array, known: Array, trust: float) -> Array:
    """Minimise the matting Laplacian's energy over the unknown pixels, drawn to ``target`` by ``trust``: [h, w]."""
    laplacian = _laplacian(view, known)
    start = target.ravel().astype(np.float64)
    free = np.flatnonzero(~known.ravel())
    rows = laplacian[free]
    held = start.copy()
    held[free] = 0
    trust = max(trust, _LEAST_TRUST)
    found = _descend(rows[:, free], trust, trust * start[free] - rows @ held, start[free])
    alpha = target.astype(np.float32)
    alpha.ravel()[free] = np.clip((found - _FLOOR) / (1 - 2 * _FLOOR), 0, 1)
    return alpha


def _descend(matrix: Any, shift: float, right: Array, start: Array) -> Array:
    """Conjugate gradients on (matrix + shift) x = right, scaled by the diagonal, until the residual has fallen."""
    scale = 1 / (matrix.diagonal() + shift)
    found = start.copy()
    residual = right - matrix @ found - shift * found
    scaled = scale * residual
    direction, product = scaled.copy(), float(residual @ scaled)
    enough = product * _TOLERANCE**2
    for _ in range(_MOST):
        if product <= enough:
            break
        image = matrix @ direction + shift * direction
        length = product / float(direction @ image)
        found += length * direction
        residual -= length * image
        scaled = scale * residual
        before, product = product, float(residual @ scaled)
        direction = scaled + (product / before) * direction
    return found


def _laplacian(view: Array, known: Array) -> Any:
    try:
        from pymatting import cf_laplacian
    except ImportError as error:
        raise ExportError(
            "The step 'hair' needs the package PyMatting: install it with \"pip install 'sam2-roto[hair]'\", "
            "or choose another preset."
        ) from error
    return cf_laplacian(view / 255.0, epsilon=_SMOOTH, is_known=known.ravel()).tocsr()


def _dilated(mask: Tensor, radius: float) -> Tensor:
    """The maximum of ``[H, W]`` over an octagon of about ``radius`` pixels: squares and diamonds in turn."""
    left = round(radius)
    grown = mask[None, None]
    while left > 0:
        step = min(left, 3)
        grown = F.max_pool2d(grown, (2 * step + 1, 1), 1, (step, 0))
        grown = F.max_pool2d(grown, (1, 2 * step + 1), 1, (0, step))
        left -= step
    return grown[0, 0]
