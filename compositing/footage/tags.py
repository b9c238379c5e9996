"""A movie's colour tags, and what to take where they are silent."""

from __future__ import annotations

from av.video.frame import VideoFrame

from compositing.color import CAMERA, SRGB, resolve
from compositing.footage.footage import ColorInfo
from compositing.footage.yuv import Coding
from compositing.primaries import KNOWN, REC709, Chromaticities

# Code points of ITU-T H.273; only those that change the pixels are listed.
_MATRICES = {0: "rgb", 1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
_TRANSFERS = {1: "bt709", 4: "gamma22", 6: "bt601", 8: "linear", 13: "srgb", 14: "bt2020", 15: "bt2020"} | {
    16: "pq",
    18: "hlg",
}
_SPACES = {
    "bt709": CAMERA,
    "bt601": CAMERA,
    "gamma22": "Gamma 2.2 Encoded Rec.709",
    "linear": "Linear Rec.709 (sRGB)",
    "srgb": SRGB,
    "bt2020": "Rec.1886 Rec.2020 - Display",
    "pq": "Rec.2100-PQ - Display",
    "hlg": "Rec.2100-HLG - Display",
}
_PRIMARIES: dict[int, Chromaticities] = {
    1: REC709,
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, 0.3127, 0.3290),
    9: KNOWN["Linear Rec.2020"],
    12: KNOWN["Linear P3-D65"],
}
_LIMITED, _FULL = 1, 2
_BT2020_PRIMARIES = 9
_P3_PRIMARIES = (11, 12)


def decide(frame: VideoFrame, codec: str, override: str | None = None) -> tuple[Coding, ColorInfo]:
    """How to decode a movie that holds frames like this one, and the colour space of the result.

    ``override`` is the colour space that the user names; matrix and range are still the movie's.
    """
    matrix, matrix_guess = _matrix(frame)
    full_range, range_guess = _range(frame, matrix)
    transfer = _TRANSFERS.get(int(frame.color_trc))
    wide = int(frame.color_primaries) == _BT2020_PRIMARIES or matrix == "bt2020"
    usual = "srgb" if matrix == "rgb" else "bt709"
    space = _SPACES["bt2020" if wide and transfer in (None, "bt709") else transfer or usual]
    guesses = [matrix_guess, range_guess]
    if override is not None:
        space = resolve(override)
    elif int(frame.color_primaries) in _P3_PRIMARIES and space in (CAMERA, SRGB):
        guesses.append(f"the primaries are P3, but colour is read as {space}; name the space where that matters")
    elif transfer is None:
        guesses.append(f"no transfer is tagged, taken as {space}")
    told = [guess for guess in guesses if guess]
    reason = f"{'; '.join(told)}." if told else f"The movie is tagged {matrix}, {transfer or space}."
    color = ColorInfo(
        space=space,
        guessed=bool(told),
        reason=reason[0].upper() + reason[1:],
        matrix=matrix,
        range="full" if full_range else "limited",
        transfer=transfer or ("bt2020" if wide else usual),
    )
    centred = codec in ("mjpeg", "mpeg1video")
    return Coding(matrix, full_range, centred), color


def chromaticities(frame: VideoFrame) -> Chromaticities | None:
    """Chromaticities of the primaries that the movie is tagged with (H.273, table 2), or None."""
    return _PRIMARIES.get(int(frame.color_primaries))


def _matrix(frame: VideoFrame) -> tuple[str, str | None]:
    """The matrix, and a clause on how it was guessed."""
    if frame.format.is_rgb or frame.format.has_palette:
        return "rgb", None
    tagged = _MATRICES.get(int(frame.colorspace))
    if tagged not in (None, "rgb"):
        return tagged or "bt709", None
    if len(frame.format.components) < 3:
        return "bt709", None
    if int(frame.color_primaries) == _BT2020_PRIMARIES:
        return "bt2020", "no matrix is tagged, taken as bt2020 from its primaries"
    if max(frame.width, frame.height) >= 1280 or min(frame.width, frame.height) >= 720:
        return "bt709", f"no matrix is tagged, taken as bt709 because {frame.width}x{frame.height} is HD"
    return "bt601", f"no matrix is tagged, taken as bt601 because {frame.width}x{frame.height} is SD"


def _range(frame: VideoFrame, matrix: str) -> tuple[bool, str | None]:
    """Whether codes use the full range, and a clause on how that was guessed."""
    tagged = int(frame.color_range)
    if matrix == "rgb" or "yuvj" in frame.format.name:
        return True, None
    if tagged in (_LIMITED, _FULL):
        return tagged == _FULL, None
    if len(frame.format.components) < 3:
        return True, "no range is tagged, taken as full because the movie is grey"
    return False, "no range is tagged, taken as limited"
