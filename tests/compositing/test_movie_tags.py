"""Movies say what colours they hold, and FFmpeg's own decoder, told the same, finds those colours."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from compositing.color import CAMERA, LINEAR, SRGB, convert
from compositing.errors import ColorError
from compositing.footage import open_footage
from compositing.graph.movies import MovieOutput
from compositing.image import Image

PATCH, ACROSS, DOWN = 32, 8, 4
# Flags of FFmpeg's scaler.
BICUBIC, FULL_CHROMA, ACCURATE = 4, 0x2000, 0x40000
BT2020, PQ, HLG = "Rec.1886 Rec.2020 - Display", "Rec.2100-PQ - Display", "Rec.2100-HLG - Display"

# Space, codec, file, the tags by their numbers in H.273 (primaries, transfer, matrix), and the bits of the codes that
# errors are counted in.
MOVIES = [
    (CAMERA, "h264", "a.mp4", (1, 1, 1), 8),
    (CAMERA, "h265", "a.mp4", (1, 1, 1), 10),
    (CAMERA, "prores", "a.mov", (1, 1, 1), 10),
    (CAMERA, "prores4444", "a.mov", (1, 1, 1), 10),
    (SRGB, "h264", "a.mkv", (1, 13, 1), 8),
    (BT2020, "h265", "a.mp4", (9, 14, 9), 10),
    (PQ, "h265", "a.mp4", (9, 16, 9), 10),
    (PQ, "prores", "a.mov", (9, 16, 9), 10),
    (HLG, "h265", "a.mkv", (9, 18, 9), 10),
]


def patches() -> NDArray[np.float32]:
    """R'G'B' of 32 flat patches ``[3, H, W]``: greys from black to white, then colours."""
    greys = np.repeat(np.linspace(0.0, 1.0, 12)[:, None], 3, axis=1)
    colors = np.random.default_rng(3).uniform(0.15, 0.85, (ACROSS * DOWN - 12, 3))
    board = np.concatenate([greys, colors]).reshape(DOWN, ACROSS, 3).repeat(PATCH, 0).repeat(PATCH, 1)
    return np.ascontiguousarray(board.transpose(2, 0, 1), dtype=np.float32)


def centres(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """The middle of each patch ``[DOWN, ACROSS, 3]`` of a picture ``[H, W, 3]``."""
    return picture[PATCH // 2 :: PATCH, PATCH // 2 :: PATCH]


def write(path: Path, space: str, codec: str, color: NDArray[np.float32]) -> None:
    output = MovieOutput(path, space, codec=codec)
    image = Image.from_pixels(torch.from_numpy(color), color_space=space)
    for frame in range(3):
        output.write(frame, image)
    output.close()


@pytest.mark.parametrize(("space", "codec", "name", "tags", "bits"), MOVIES)
def test_a_movie_is_tagged_and_decodes_to_its_colours(
    space: str, codec: str, name: str, tags: tuple[int, int, int], bits: int, tmp_path: Path
) -> None:
    write(tmp_path / name, space, codec, patches())
    with av.open(str(tmp_path / name)) as container:
        told = container.streams.video[0].codec_context
        frame = list(container.decode(video=0))[1]
        said = (int(told.color_primaries), int(told.color_trc), int(told.colorspace), int(told.color_range))
    assert said == (*tags, 1)
    assert (int(frame.color_primaries), int(frame.color_trc), int(frame.colorspace)) == tags
    wanted = centres(patches().transpose(1, 2, 0).astype(np.float64))
    assert np.abs(printed(frame, tags[2]) - wanted).max() * (2**bits - 1) <= 2
    # FFmpeg's scaler, told the matrix and the range, rounds on its way; it is held to 8-bit codes.
    scaled = frame.reformat(
        format="rgb24",
        src_colorspace=tags[2],
        src_color_range="MPEG",
        dst_color_range="JPEG",
        interpolation=BICUBIC | FULL_CHROMA | ACCURATE,
    ).to_ndarray()
    assert np.abs(centres(scaled.astype(np.float64)) - wanted * 255).max() <= 2


def printed(frame: av.VideoFrame, matrix: int) -> NDArray[np.float64]:
    """R'G'B' of the patches from FFmpeg's planes by the equations of H.273, limited range, in float64."""
    bits = frame.format.components[0].bits
    red, blue = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}[matrix]
    planes = []
    for index in range(3):
        plane, part = frame.planes[index], frame.format.components[index]
        values = np.frombuffer(memoryview(plane), np.uint8 if bits == 8 else "<u2")
        rows = values.reshape(plane.height, -1)[:, : part.width].astype(np.float64)
        down, across = rows.shape[0] // DOWN, rows.shape[1] // ACROSS
        planes.append(rows[down // 2 :: down, across // 2 :: across] / 2 ** (bits - 8))
    y, pb, pr = (planes[0] - 16) / 219, (planes[1] - 128) / 224, (planes[2] - 128) / 224
    r, b = y + 2 * (1 - red) * pr, y + 2 * (1 - blue) * pb
    return np.stack([r, (y - red * r - blue * b) / (1 - red - blue), b], axis=-1)


@pytest.mark.parametrize(("space", "codec", "name", "tags", "bits"), MOVIES)
def test_a_movie_is_read_back_as_the_light_that_was_written(
    space: str, codec: str, name: str, tags: tuple[int, int, int], bits: int, tmp_path: Path
) -> None:
    write(tmp_path / name, space, codec, patches())
    with open_footage(tmp_path / name) as footage:
        image = footage.read(1)
        assert not footage.color.guessed
    light = convert(image.rgb(), image.color_space, LINEAR)
    codes = convert(light, LINEAR, space).numpy().transpose(1, 2, 0)
    difference = centres(codes.astype(np.float64)) - centres(patches().transpose(1, 2, 0).astype(np.float64))
    assert np.abs(difference).max() * (2**bits - 1) <= 2
    assert tags[2] == (1 if footage.color.matrix == "bt709" else 9)


@pytest.mark.parametrize(("codec", "name"), [("h264", "a.mp4"), ("prores4444", "a.mov"), ("ffv1", "a.mkv")])
def test_a_pixel_that_is_no_light_spoils_no_other(codec: str, name: str, tmp_path: Path) -> None:
    grey = torch.full((4, 48, 64), 0.5)
    grey[:3, 1, 1], grey[:3, 1, 9], grey[:, 9, 1] = torch.inf, -torch.inf, torch.nan
    output = MovieOutput(tmp_path / name, CAMERA, codec=codec, alpha=codec != "h264")
    output.write(0, Image.from_pixels(grey, color_space=CAMERA))
    output.close()
    with open_footage(tmp_path / name) as footage:
        color = footage.read(0).rgb()
    # Half of it under an alpha of a half: straight, or on black.
    wanted = 0.5 if codec == "h264" else 1.0
    assert (color[:, 24:] - wanted).abs().max() < 0.03
    if codec == "ffv1":
        assert color[:, 1, 1].tolist() == [1.0] * 3
        assert color[:, 1, 9].tolist() == [0.0] * 3


def test_a_space_that_no_movie_can_be_tagged_with_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ColorError, match="cannot be tagged as ACEScg; write it as"):
        MovieOutput(tmp_path / "a.mp4", "ACEScg")
    with pytest.raises(ColorError, match="There is no colour space 'Rec799'"):
        MovieOutput(tmp_path / "a.mp4", "Rec799")
    assert not list(tmp_path.iterdir())
