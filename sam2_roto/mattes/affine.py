"""Affine motion between two frames, fitted to dense flow."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_ROUNDS, _OUTLIER = 6, 0.3  # of the fit; pixels beyond which a vector counts less
_SPARSE = 4  # pixels from one vector of flow that is looked at to the next
_FEWEST = 24  # vectors that a fit needs
_EMPTY = 0.05  # alpha below which an object is not there


class Vectors(NamedTuple):
    """Some vectors of flow: their places (x, y, 1), float64 ``[n, 3]``, and displacements, float64 ``[n, 2]``."""

    places: Array
    moved: Array

    def where(self, chosen: Array) -> Vectors:
        """Those that are chosen, bool ``[n]``."""
        return Vectors(self.places[chosen], self.moved[chosen])


def vectors(flow: Array, where: Array, sparse: int = _SPARSE) -> Vectors:
    """Those of a flow ``[2, h, w]`` in ``where``, bool ``[h, w]``, one in ``sparse`` by ``sparse`` pixels."""
    y, x = np.nonzero(where[::sparse, ::sparse])
    y, x = y * sparse, x * sparse
    return Vectors(np.stack([x, y, np.ones_like(x)], axis=1).astype(np.float64), flow[:, y, x].T.astype(np.float64))


def fit_affine(found: Vectors) -> Array | None:
    """The motion ``[3, 2]`` that takes (x, y, 1) to its displacement; None from too little.

    By iteratively reweighted least squares.
    """
    if len(found.places) < _FEWEST:
        return None
    weight = np.ones(len(found.places))
    for _ in range(_ROUNDS):
        motion = np.linalg.lstsq(found.places * weight[:, None], found.moved * weight[:, None], rcond=None)[0]
        weight = 1 / np.sqrt(1 + (departures(found, motion) / _OUTLIER) ** 2)
    return np.asarray(motion)


def ground_motion(flow: Array, here: Array, there: Array) -> Array | None:
    """The background's motion ``[3, 2]``, by what lies well beside an object's mattes ``[h, w]`` on both frames."""
    return fit_affine(vectors(flow, cv2.dilate(np.maximum(here, there), np.ones((15, 15), np.uint8)) < _EMPTY))


def departures(found: Vectors, motion: Array) -> Array:
    """How many pixels each vector departs from a motion: ``[n]``."""
    return np.asarray(np.linalg.norm(found.moved - found.places @ motion, axis=1))


def matrix(motion: Array) -> Array:
    """A motion ``[3, 2]`` as the map ``[2, 3]`` from a place to where it goes."""
    return np.asarray(np.hstack([np.eye(2) + motion[:2].T, motion[2][:, None]]))


def after(second: Array, first: Array) -> Array:
    """The map ``[2, 3]`` that does ``first``, then ``second``."""
    return np.asarray(np.hstack([second[:, :2] @ first[:, :2], (second[:, :2] @ first[:, 2] + second[:, 2])[:, None]]))


def inverse(one: Array) -> Array:
    """The map ``[2, 3]`` that undoes another."""
    return np.asarray(cv2.invertAffineTransform(one))


def fetched(source: Array, way: Array, like: Array) -> Array:
    """What ``source`` has where the map ``way`` leads from each pixel, 0 beyond it, at the size of ``like``."""
    flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    return np.asarray(cv2.warpAffine(source, way, like.shape[1::-1], flags=flags))


def carried(source: Array, way: Array) -> Array:
    """``source`` carried along the map ``way``, 0 where nothing comes from it."""
    return np.asarray(cv2.warpAffine(source, way, source.shape[1::-1], flags=cv2.INTER_LINEAR))
