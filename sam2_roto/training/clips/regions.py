"""Regions: closed pieces of real pictures, found without anyone's help, to be cut out and moved.

Two ways to find them: what moves against the rest of the footage, and what differs in colour from its surroundings.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rng = np.random.Generator

_LARGEST_SHARE = 0.4
_SMALLEST_SHARE = 0.006


def color_segments(picture: Array, grain: float, smallest: int = 60) -> Array:
    """Graph-based segmentation of a picture uint8 [h, w, 3] in Lab: int [h, w].

    Felzenszwalb and Huttenlocher, Efficient Graph-Based Image Segmentation, IJCV 2004; `grain` is their k, larger for
    larger segments, and segments below `smallest` pixels join a neighbour.
    """
    lab = cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 0.8), cv2.COLOR_RGB2LAB).astype(np.float32)
    ids = np.arange(lab.shape[0] * lab.shape[1]).reshape(lab.shape[:2])
    links = ((ids[:, :-1], ids[:, 1:]), (ids[:-1], ids[1:]))
    first = np.concatenate([one.ravel() for one, _ in links])
    second = np.concatenate([other.ravel() for _, other in links])
    flat = lab.reshape(-1, 3)
    weight = np.linalg.norm(flat[first] - flat[second], axis=1)
    order = np.argsort(weight, kind="stable")
    edges = list(zip(first[order].tolist(), second[order].tolist(), weight[order].tolist(), strict=True))
    return _merge_pixels(edges, ids.size, grain, smallest).reshape(ids.shape)


def _merge_pixels(edges: list[tuple[int, int, float]], count: int, grain: float, smallest: int) -> Array:
    """Join pixels along edges, weakest first, where the edge is no stronger than what lies within both sides."""
    parent, area, limit = list(range(count)), [1] * count, [grain] * count

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for first, second, weight in edges:
        one, other = root(first), root(second)
        if one != other and weight <= limit[one] and weight <= limit[other]:
            parent[other] = one
            area[one] += area[other]
            limit[one] = weight + grain / area[one]
    for first, second, _ in edges:
        one, other = root(first), root(second)
        if one != other and min(area[one], area[other]) < smallest:
            parent[other] = one
            area[one] += area[other]
    roots = np.array([root(node) for node in range(count)])
    return np.asarray(np.unique(roots, return_inverse=True)[1])


def moving_mask(before: Array, after: Array, threshold: float = 1.2) -> Array:
    """What moves against the camera's motion between two frames uint8 [h, w, 3]: uint8 [h, w], 255 where it does."""
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, after)]
    height, width = grey[0].shape
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow = method.calc(grey[0], grey[1], np.zeros((height, width, 2), np.float32))
    y, x = np.mgrid[8 : height - 8 : 12, 8 : width - 8 : 12]
    start = np.stack([x.ravel(), y.ravel()], 1).astype(np.float32)
    affine = cv2.estimateAffine2D(start, start + flow[y.ravel(), x.ravel()], ransacReprojThreshold=1.0)
    matrix: Array | None = affine[0]
    if matrix is None:
        return np.zeros((height, width), np.uint8)
    grid = np.stack([*np.meshgrid(np.arange(width), np.arange(height)), np.ones((height, width))], -1)
    left = np.linalg.norm(flow - (grid @ matrix.T - grid[..., :2]), axis=-1)
    mask = (left > max(threshold, 0.25 * float(np.percentile(left, 98)))).astype(np.uint8) * 255
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    return cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))


def components(mask: Array) -> list[Array]:
    """The connected pieces of a mask whose size suits an object, holes of each filled: uint8 0/1 [h, w] each."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    share = stats[:, cv2.CC_STAT_AREA] / mask.size
    suited = [index for index in range(1, count) if _SMALLEST_SHARE <= share[index] <= _LARGEST_SHARE]
    return [_hole_free((labels == index).astype(np.uint8)) for index in suited]


def _hole_free(mask: Array) -> Array:
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, outlines, -1, (1,), -1)
    return filled


def snapped(picture: Array, rough: Array) -> Array | None:
    """A rough mask (0/1) drawn to the picture's edges by GrabCut, its largest piece; None where they disagree."""
    x, y, wide, tall = cv2.boundingRect(rough)
    margin = 6 + max(wide, tall) // 6
    rows, columns = slice(max(y - margin, 0), y + tall + margin), slice(max(x - margin, 0), x + wide + margin)
    inside = np.ascontiguousarray(rough[rows, columns])
    band = max(3, int(0.08 * np.sqrt(int(rough.sum()))))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    state = np.full(inside.shape, cv2.GC_BGD, np.uint8)
    state[cv2.dilate(inside, kernel) > 0] = cv2.GC_PR_BGD
    state[inside > 0] = cv2.GC_PR_FGD
    state[cv2.erode(inside, kernel, borderValue=0) > 0] = cv2.GC_FGD
    if not (state == cv2.GC_FGD).any() or not (state == cv2.GC_BGD).any():
        return None
    mask = np.zeros_like(rough)
    mask[rows, columns] = _cut(picture[rows, columns], state, 2)
    return mask if _overlap(mask, rough) > 0.55 else None


def boxed(picture: Array, box: tuple[int, int, int, int]) -> Array | None:
    """The thing in a box x, y, w, h of a picture by GrabCut: uint8 0/1 [h, w]; None where nothing stands out."""
    x, y, wide, tall = box
    margin = max(wide, tall) // 2
    top, left = max(y - margin, 0), max(x - margin, 0)
    crop = picture[top : y + tall + margin, left : x + wide + margin]
    state = np.full(crop.shape[:2], cv2.GC_BGD, np.uint8)
    state[y - top : y - top + tall, x - left : x - left + wide] = cv2.GC_PR_FGD
    if not (state == cv2.GC_BGD).any():
        return None
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[top : top + crop.shape[0], left : left + crop.shape[1]] = _cut(crop, state, 5)
    return mask if 0.2 * wide * tall < int(mask.sum()) < 0.92 * wide * tall else None


def central(picture: Array) -> Array | None:
    """The thing in the middle of a photograph, if it stands out all round: uint8 0/1 [h, w]."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 3, height // 3), interpolation=cv2.INTER_AREA)
    best, best_score = None, 0.7
    for inset in (0.05, 0.18):
        x, y = int(inset * width / 3), int(inset * height / 3)
        mask = boxed(small, (x, y, width // 3 - 2 * x, height // 3 - 2 * y))
        if mask is not None and (score := clear_edge(small, mask)) > best_score:
            best, best_score = mask, score
    if best is None:
        return None
    return snapped(picture, cv2.resize(best, (width, height), interpolation=cv2.INTER_LINEAR))


def _cut(crop: Array, state: Array, rounds: int) -> Array:
    """GrabCut (Rother et al. 2004) from certain and probable pixels: the largest piece, 0/1, holes filled."""
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    crop = np.ascontiguousarray(crop)
    cv2.grabCut(crop, state, (0, 0, 1, 1), *models, rounds, cv2.GC_INIT_WITH_MASK)
    cut = cv2.medianBlur(((state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)).astype(np.uint8), 5)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cut)
    if count < 2:
        return np.zeros_like(cut)
    return _hole_free((labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8))


def clear_edge(picture: Array, mask: Array, jump: float = 14.0) -> float:
    """Share of a mask's outline (0/1 mask) across which the colour jumps by `jump` (8-bit Lab) or more, 0..1.

    Where the outline is the border of the picture, nothing jumps.
    """
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    thin = np.ones((3, 3), np.uint8)
    outline = cv2.morphologyEx(np.pad(mask, 1), cv2.MORPH_GRADIENT, thin)[1:-1, 1:-1] > 0
    sides = []
    for side in (cv2.erode(mask, thin), 1 - cv2.dilate(mask, thin)):
        weight = cv2.blur(side.astype(np.float32), (7, 7))
        sides.append(cv2.blur(lab * side[..., None], (7, 7)) / np.maximum(weight, 0.02)[..., None])
        sides[-1][weight < 0.02] = np.nan
    with np.errstate(invalid="ignore"):
        clear = np.linalg.norm(sides[0] - sides[1], axis=-1) >= jump
    return float(clear[outline].sum() / max(int(outline.sum()), 1))


def colored_regions(picture: Array, most: int) -> list[Array]:
    """Segments that stand out from their surroundings and are compact enough for a thing: uint8 0/1 [h, w] each."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    found: list[tuple[float, Array]] = []
    for grain in (300.0, 1200.0):
        segments = color_segments(small, grain)
        areas = np.bincount(segments.ravel()) / segments.size
        for index in np.flatnonzero((areas > _SMALLEST_SHARE) & (areas < _LARGEST_SHARE)):
            mask = _hole_free((segments == index).astype(np.uint8))
            mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
            score = clear_edge(small, mask) * _compactness(mask)
            if score > 0.5 and not any(_overlap(mask, other) > 0.6 for _, other in found):
                found.append((score, mask))
    found.sort(key=lambda pair: -pair[0])
    rough = [cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR) for _, mask in found[:most]]
    cut = [snapped(picture, mask) for mask in rough]
    return [mask for mask in cut if mask is not None]


def _overlap(one: Array, other: Array) -> float:
    return float((one & other).sum() / max(int((one | other).sum()), 1))


def _compactness(mask: Array) -> float:
    """Share of its convex hull that a mask fills, 0..1."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return 0.0
    largest = max(outlines, key=cv2.contourArea)
    return float(cv2.contourArea(largest) / max(cv2.contourArea(cv2.convexHull(largest)), 1.0))
