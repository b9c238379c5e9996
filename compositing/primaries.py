"""Primaries: the 3x3 matrices between sets of chromaticities, and the names of the sets in use."""

from __future__ import annotations

import torch

Chromaticities = tuple[float, float, float, float, float, float, float, float]

REC709: Chromaticities = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)

# x and y of red, green, blue and white, with the OCIO name of the linear space they belong to.
KNOWN: dict[str, Chromaticities] = {
    "Linear Rec.709 (sRGB)": REC709,
    "Linear P3-D65": (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.3290),
    "Linear Rec.2020": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    "Linear AdobeRGB": (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290),
    "ACES2065-1": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767),
    "ACEScg": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767),
}

# Bradford's cone responses, Lam 1985, as ICC.1:2022 annex E gives them.
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def name_of(chromaticities: Chromaticities, tolerance: float = 1e-3) -> str | None:
    """The linear space with these chromaticities, or None where it is none of the known ones."""
    for name, known in KNOWN.items():
        if all(abs(a - b) <= tolerance for a, b in zip(chromaticities, known, strict=True)):
            return name
    return None


def rgb_to_xyz(chromaticities: Chromaticities) -> torch.Tensor:
    """``[3, 3]`` float64: RGB to CIE XYZ with Y of white at 1 (SMPTE RP 177)."""
    points = torch.tensor(chromaticities, dtype=torch.float64).reshape(4, 2)
    xyz = torch.cat([points, 1.0 - points.sum(dim=1, keepdim=True)], dim=1).T
    primaries, white = xyz[:, :3], xyz[:, 3] / points[3, 1]
    weights: torch.Tensor = torch.linalg.solve(primaries, white)
    return primaries * weights


def luminance_weights(chromaticities: Chromaticities | None) -> tuple[float, float, float]:
    """What red, green and blue add to Y, by default with Rec.709 primaries."""
    red, green, blue = rgb_to_xyz(chromaticities or REC709)[1].tolist()
    return red, green, blue


def to_rec709(chromaticities: Chromaticities) -> torch.Tensor:
    """``[3, 3]`` float32 from linear RGB of these chromaticities to linear Rec.709.

    Whites are adapted by Bradford's method, so that grey stays grey; values that are CIE XYZ already (primaries at
    the corners of the diagram) are absolute and are not adapted.
    """
    to_xyz = rgb_to_xyz(chromaticities)
    if tuple(chromaticities[:6]) != (1.0, 0.0, 0.0, 1.0, 0.0, 0.0):
        to_xyz = _adaptation(chromaticities[6:], REC709[6:]) @ to_xyz
    matrix: torch.Tensor = torch.linalg.solve(rgb_to_xyz(REC709), to_xyz)
    return matrix.float()


def _adaptation(source: tuple[float, ...], target: tuple[float, ...]) -> torch.Tensor:
    cones = torch.tensor(_BRADFORD, dtype=torch.float64)
    whites = torch.tensor([[x / y, 1.0, (1.0 - x - y) / y] for x, y in (source, target)], dtype=torch.float64)
    before, after = whites @ cones.T
    adapted: torch.Tensor = torch.linalg.solve(cones, torch.diag(after / before) @ cones)
    return adapted
