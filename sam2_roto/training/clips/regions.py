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
_SMALLEST_SHARE = 0.004


def color_segments(picture: Array, grain: float, smallest: int = 60) -> Array:
    """Graph-based segmentation of a picture uint8 [h, w, 3] in Lab: int [h, w].

    Felzenszwalb and Huttenlocher, Efficient Graph-Based Image Segmentation, IJCV 2004; `grain` is their k, larger for
    larger segments, and segments below `smallest` pixels join a neighbour.
    """
    lab = cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 0.8), cv2.COLOR_RGB2LAB).astype(np.float32)
    ids = np.arange(lab.shape[0] * lab.shape[1]).reshape(lab.shape[:2])
    links = ((ids[:, :-1], ids[:, 1:]), (ids[:-1], ids[1:]), (ids[:-1, :-1], ids[1:, 1:]), (ids[:-1, 1:], ids[1:, :-1]))
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
    height, width = rough.shape
    area = int(rough.sum())
    x, y, wide, tall = cv2.boundingRect(rough)
    margin = 6 + max(wide, tall) // 6
    rows, columns = slice(max(y - margin, 0), y + tall + margin), slice(max(x - margin, 0), x + wide + margin)
    crop, inside = np.ascontiguousarray(picture[rows, columns]), np.ascontiguousarray(rough[rows, columns])
    band = max(3, int(0.08 * np.sqrt(area)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    state = np.full(inside.shape, cv2.GC_BGD, np.uint8)
    state[cv2.dilate(inside, kernel) > 0] = cv2.GC_PR_BGD
    state[inside > 0] = cv2.GC_PR_FGD
    state[cv2.erode(inside, kernel, borderValue=0) > 0] = cv2.GC_FGD
    if not (state == cv2.GC_FGD).any() or not (state == cv2.GC_BGD).any():
        return None
    cv2.setRNGSeed(0)
    cv2.grabCut(crop, state, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)
    cut = cv2.medianBlur(((state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)).astype(np.uint8), 5)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cut)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    mask = np.zeros((height, width), np.uint8)
    mask[rows, columns] = labels == largest
    overlap = int((mask & rough).sum()) / max(int((mask | rough).sum()), 1)
    return _hole_free(mask) if overlap > 0.55 else None


def edge_contrast(picture: Array, mask: Array) -> float:
    """How much the colour jumps across the outline of a mask (0/1), in Lab units; the border of the picture is 0."""
    lab = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB), (0, 0), 1.0).astype(np.float32)
    inner = cv2.blur(lab * cv2.erode(mask, np.ones((3, 3), np.uint8))[..., None], (9, 9))
    inner_weight = cv2.blur(cv2.erode(mask, np.ones((3, 3), np.uint8)).astype(np.float32), (9, 9))
    outside = 1 - cv2.dilate(mask, np.ones((3, 3), np.uint8))
    outer = cv2.blur(lab * outside[..., None], (9, 9))
    outer_weight = cv2.blur(outside.astype(np.float32), (9, 9))
    rim = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    rim &= (inner_weight > 0.05) & (outer_weight > 0.05)
    outline = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT)
    if not rim.any():
        return 0.0
    jump = inner[rim] / inner_weight[rim][:, None] - outer[rim] / outer_weight[rim][:, None]
    return float(np.linalg.norm(jump, axis=1).mean() * min(1.0, rim.sum() / max(int((outline > 0).sum()), 1)))


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
            score = edge_contrast(small, mask) * _compactness(mask)
            if score > 4.0 and not any(_overlap(mask, other) > 0.6 for _, other in found):
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
