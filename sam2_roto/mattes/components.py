"""Holes and islands of a matte, removed by a vote over time, so that none of them flickers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.mattes.scene import Scene

_SOLID = 0.5
_SKIRT = 3
"""Pixels round an island, or a hole, that go with it: its soft edge."""

Labels = NDArray[np.int32]


def cleaned(scene: Scene, holes: float, islands: float) -> Tensor:
    """Alpha without the holes and islands that are small over time.

    A hole is a region below 0.5 that the matte encloses, an island one above 0.5 that it does not reach; the frame's
    border encloses nothing. How large a region is, is the median over the scene's frames of the largest region that it
    meets on each: one that crosses the limit on a single frame neither appears nor goes.

    Args:
        scene: the frames; those without the object count as having no region.
        holes, islands: areas in pixels below which regions go; 0 keeps all. The largest island always stays.

    Returns:
        float32 ``[H, W]``; a filled hole is 1 and a removed island 0, their soft edges with them.
    """
    alpha = scene.moment.alpha
    if alpha is None:
        raise ValueError(f"the object is absent on frame {scene.moment.frame}")
    result = alpha
    for limit, filled in ((islands, False), (holes, True)):
        if limit > 0:
            small = _small_regions(_regions(scene, filled), scene.now, limit, filled)
            if small is not None:
                result = torch.where(torch.from_numpy(small).to(alpha.device), 1.0 if filled else 0.0, result)
    return result


def _regions(scene: Scene, holes: bool) -> list[NDArray[np.bool_] | None]:
    """Where the scene's mattes are solid, or, for holes, where they are not."""
    solid = [None if m.alpha is None else (m.alpha > _SOLID).cpu().numpy() for m in scene.moments]
    return [None if one is None else (~one if holes else one) for one in solid]


def _small_regions(
    masks: Sequence[NDArray[np.bool_] | None], now: int, limit: float, holes: bool
) -> NDArray[np.bool_] | None:
    """The pixels of the small regions of frame ``now`` with their skirts; None where there are none."""
    present = masks[now]
    if present is None:
        return None
    labels, areas = _labelled(present)
    candidates = [label for label in range(1, len(areas)) if not (holes and _at_border(labels, label))]
    if not holes and candidates:
        candidates.remove(int(np.argmax(areas[1:])) + 1)
    if not candidates:
        return None
    others = [_labelled(mask) for place, mask in enumerate(masks) if place != now and mask is not None]
    absent = len(masks) - 1 - len(others)
    small = [label for label in candidates if _size(labels == label, areas[label], others, absent) < limit]
    if not small:
        return None
    chosen = np.isin(labels, small)
    skirt = cv2.dilate(chosen.astype(np.uint8), np.ones((2 * _SKIRT + 1, 2 * _SKIRT + 1), np.uint8)) > 0
    kept = present & ~chosen
    near = cv2.dilate(kept.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.asarray(chosen | (skirt & ~near))


def _labelled(mask: NDArray[np.bool_]) -> tuple[Labels, NDArray[Any]]:
    """The 8-connected regions of a mask, numbered from 1, and their areas by number."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(labels, np.int32), np.asarray(stats[:, cv2.CC_STAT_AREA])


def _at_border(labels: Labels, label: int) -> bool:
    return any(bool((side == label).any()) for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]))


def _size(region: NDArray[np.bool_], area: float, others: Sequence[tuple[Labels, NDArray[Any]]], absent: int) -> float:
    """The median over the frames of the largest region that meets this one."""
    sizes = [float(area), *([0.0] * absent)]
    for labels, areas in others:
        met = np.unique(labels[region])
        sizes.append(float(max((areas[label] for label in met if label), default=0)))
    return float(np.median(sizes))
