"""A moving scene and projects that play it, written as the programs write them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from host_adapters.mlt.canvas import canvas_of
from host_adapters.mlt.forms import Filter
from host_adapters.mlt.mattes import write_matte
from host_adapters.mlt.project import Project
from host_adapters.mlt.timeline import source_frames
from mlt_helpers.melt import Picture, write_plate

SIZE = (320, 180)
RATE = Fraction(25)

BACK = (32, 64, 160)
"""Colour of the track below."""

PROFILE = (
    '<profile description="Test" width="{width}" height="{height}" progressive="1" '
    'sample_aspect_num="{aspect.numerator}" sample_aspect_den="{aspect.denominator}" '
    'display_aspect_num="16" display_aspect_den="9" '
    'frame_rate_num="{rate.numerator}" frame_rate_den="{rate.denominator}" colorspace="709"/>'
)


def profile(size: tuple[int, int], rate: Fraction, aspect: Fraction = Fraction(1)) -> str:
    """A ``<profile>``."""
    return PROFILE.format(width=size[0], height=size[1], rate=rate, aspect=aspect)


def picture(frame: int, size: tuple[int, int]) -> Picture:
    """A smooth picture ``[H, W, 3]`` that tells its frame by its brightness: 2 of 255 for each."""
    columns = 40 * (np.arange(size[0]) + 0.5)[None] / size[0]
    rows = 30 * (np.arange(size[1]) + 0.5)[:, None] / size[1]
    base = 90 + 2.0 * frame + columns + rows
    return np.clip(np.dstack([base, base + 10, base - 20]), 0, 255).round().astype(np.uint8)


def matte(frame: int, size: tuple[int, int]) -> NDArray[np.float32]:
    """The object on a frame: a soft disc that goes right, ``[H, W]``; the frame counts 320 by 180 of its own units."""
    columns = (np.arange(size[0]) + 0.5)[None] * 320 / size[0]
    rows = (np.arange(size[1]) + 0.5)[:, None] * 180 / size[1]
    distance = np.hypot(columns - 80 - 6 * frame, rows - 90)
    inside = np.clip((45 - distance) / 12 + 0.5, 0, 1)
    return (inside**2 * (3 - 2 * inside)).astype(np.float32)


def plate(path: Path, size: tuple[int, int], rate: Fraction, frames: int = 24, aspect: float = 1.0) -> Path:
    """The scene as a movie."""
    return write_plate(path, (picture(frame, size) for frame in range(frames)), rate, aspect)


def plain(
    resource: str,
    head: str,
    entry: str,
    *,
    length: int,
    service: str = "avformat",
    tag: str = "producer",
    extra: str = "",
    transition: str = "qtblend",
) -> str:
    """Plain MLT: a clip on the second track over a coloured one, composed by ``transition``."""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE mlt>
<!-- kept as it is -->
<mlt LC_NUMERIC="C" version="7.12.0" producer="tractor0">
  {head}
  <producer id="under" in="0" out="999">
    <property name="length">1000</property>
    <property name="resource">#{BACK[0]:02x}{BACK[1]:02x}{BACK[2]:02x}</property>
    <property name="mlt_service">color</property>
    <property name="mlt_image_format">rgb</property>
  </producer>
  <{tag} id="clip" in="0" out="{length - 1}">
    <property name="length">{length}</property>
    <property name="resource">{resource}</property>
    <property name="mlt_service">{service}</property>{extra}
  </{tag}>
  <playlist id="playlist0">
    <entry producer="under" in="0" out="99"/>
  </playlist>
  <playlist id="playlist1">
    {entry}
  </playlist>
  <tractor id="tractor0" in="0" out="99">
    <track producer="playlist0"/>
    <track producer="playlist1"/>
    <transition id="transition0">
      <property name="a_track">0</property>
      <property name="b_track">1</property>
      <property name="mlt_service">{transition}</property>
      <property name="always_active">1</property>
    </transition>
  </tractor>
</mlt>
"""


def put_matte(project: Project, id: str, folder: Path, effects: tuple[Filter, ...] = ()) -> tuple[Project, list[int]]:
    """The project with the scene's matte on a clip, and the footage's frames that the clip shows."""
    clip = project.clip(id)
    source = clip.source(project.root, project.profile.rate)
    with source.open() as footage:
        frames = source_frames(clip, source, footage, project.profile.rate)
        size = footage.width, footage.height
        canvas = canvas_of(clip, project.profile, size, source.aspect_of(footage))
    mattes = (canvas.place(matte(frame, size)) for frame in frames)
    file = write_matte(folder / "disc.mlt", mattes, project.profile, clip.first, clip.last + 50)
    return project.with_matte(id, file, effects), frames
