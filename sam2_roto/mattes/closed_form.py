"""Hair: alpha by the closed form of Levin, Lischinski & Weiss (2008), through the package PyMatting.

Within the unknown part of an automatic trimap, alpha is locally linear in the plate's colour; where colour does not
say, it stays near the matte that is there, and near what the difference to a clean plate says where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.errors import ExportError
from sam2_roto.mattes.bands import FLOOR, GAP, Box, depth, joined, near_matte, trimap, unknown_box
from sam2_roto.mattes.clean_plate import CleanPlate
from sam2_roto.mattes.difference import difference_alpha
from sam2_roto.mattes.scene import Picture

_SMOOTH = 1e-7  # the closed form's own regularisation
_TOLERANCE = 1e-3  # of the first residual
_MOST = 400
_LEAST_TRUST = 1e-6
_EVIDENCE = 10.0  # how many times more the difference to a clean plate counts than the matte so far
_SEEN = 0.3  # how sure a clean plate must be for strands to be looked for far out

Array = NDArray[Any]
Behind = Callable[[Box], CleanPlate | None]
"""What gives the clean plate within a box, or None where there is none."""


def closed_form_alpha(
    alpha: Tensor,
    picture: Picture,
    inner: float,
    outer: float,
    *,
    trust: float = 0.003,
    reach: float = 0.0,
    behind: Behind | None = None,
) -> Tensor:
    """Alpha ``[H, W]`` solved anew from the plate between what is surely in and surely out.

    Args:
        alpha: the matte so far, float32, 0 to 1.
        picture: the plate.
        inner, outer: widths of the unknown band in pixels, as in :func:`~sam2_roto.mattes.bands.trimap`.
        trust: weight of the matte so far within the band; 0 leaves it to colour alone.
        reach: how far outwards strands are looked for by their difference to the clean plate, in pixels.
        behind: gives the clean plate.

    Returns:
        float32 ``[H, W]`` on alpha's device. The solver runs on the CPU.

    Raises:
        ExportError: PyMatting is not installed.
    """
    wide = trimap(alpha, inner, max(outer, reach) if behind else outer).cpu().numpy()
    box = unknown_box(wide)
    if box is None:
        return alpha
    x0, y0, x1, y1 = box
    part = np.s_[y0:y1, x0:x1]
    view, matte, regions = picture.view[part], alpha[y0:y1, x0:x1].cpu().numpy(), wide[part]
    trust = max(trust, _LEAST_TRUST)
    target, weight = matte, np.full_like(matte, trust)
    plate = None if behind is None else behind(box)
    if plate is not None:
        found, sure = difference_alpha(view, plate, regions == 1, regions == 0.5, matte, math.hypot(*alpha.shape))
        found = joined(found, near_matte(matte, outer))
        weight = weight * (1 + _EVIDENCE * sure)
        target = (matte + _EVIDENCE * sure * found) / (1 + _EVIDENCE * sure)
        regions = _narrowed(regions, matte, outer, found, plate.sure > _SEEN)
    elif behind is not None:
        regions = np.where((regions == 0.5) & ~near_matte(matte, outer), 0, regions)
    known = regions != 0.5
    wide[part] = _solve(view, np.where(known, regions, target), weight, known)
    return torch.from_numpy(wide).to(alpha.device)


def _narrowed(regions: Array, matte: Array, outer: float, found: Array, seen: Array) -> Array:
    """The trimap without what the clean plate explains, and without what lies far out where it shows nothing."""
    quiet = depth((found < FLOOR) | ~seen) > GAP
    empty = np.where(seen, quiet & (matte <= FLOOR), ~near_matte(matte, outer))
    return np.where((regions == 0.5) & empty, 0, regions)


def _solve(view: Array, target: Array, weight: Array, known: Array) -> Array:
    """Minimise the matting Laplacian's energy over the unknown pixels, drawn to ``target`` by ``weight``: [h, w]."""
    laplacian = _laplacian(view, known)
    start = target.ravel().astype(np.float64)
    free = np.flatnonzero(~known.ravel())
    rows, drawn = laplacian[free], weight.ravel()[free].astype(np.float64)
    held = start.copy()
    held[free] = 0
    found = _descend(rows[:, free], drawn, drawn * start[free] - rows @ held, start[free])
    alpha = target.astype(np.float32)
    alpha.ravel()[free] = np.clip((found - FLOOR) / (1 - 2 * FLOOR), 0, 1)
    return alpha


def _descend(matrix: Any, shift: Array, right: Array, start: Array) -> Array:
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
