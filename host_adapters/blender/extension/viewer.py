"""Between the pointer in an editor and pixels of the plate."""

from __future__ import annotations

from typing import Any

from .affine import Affine, Place, backdrop, clip_view
from .errors import SceneError
from .source import CLIP, COMPOSITOR, SEQUENCER, Source, picture_of

REGIONS = {SEQUENCER: "PREVIEW", CLIP: "WINDOW", COMPOSITOR: "WINDOW"}
"""The region of each editor in which the picture lies."""

_SPAN = 1000  # pixels between the places at which a view is measured


def viewer_region(area: Any) -> Any:
    """The region with the picture. Raises SceneError where the editor shows none."""
    region = next((found for found in area.regions if found.type == REGIONS.get(area.type)), None)
    if region is None or region.width < 2:
        raise SceneError("This editor shows no picture; in the sequencer, switch to Preview or Sequencer & Preview.")
    return region


def plate_to_region(source: Source, area: Any, region: Any) -> Affine:
    """From pixels of the plate to pixels of the region. Raises SceneError where the picture is not shown."""
    width, height = source.size
    space = area.spaces.active
    if area.type == COMPOSITOR:
        if not space.show_backdrop:
            raise SceneError("The compositor shows no backdrop; switch it on, with a Viewer node on the plate.")
        offset = (space.backdrop_offset[0], space.backdrop_offset[1])
        return backdrop((region.width, region.height), space.backdrop_zoom, offset, _shown(source), source.size)
    view = region_to_view(region).inverse()
    if area.type == SEQUENCER:
        return picture_of(source.holder, source.size).plate_to_view().then(view)
    return clip_view(width, height).then(view)


def region_to_view(region: Any) -> Affine:
    """From pixels of a region to its view's own units."""
    corners = [Place(*region.view2d.region_to_view(x, y)) for x, y in ((0, 0), (_SPAN, 0), (0, _SPAN))]
    return Affine.through(corners[0], corners[1], corners[2], _SPAN)


def _shown(source: Source) -> tuple[int, int]:
    """Size of the backdrop's picture."""
    import bpy

    viewer = bpy.data.images.get("Viewer Node")
    if viewer is not None and all(viewer.size):
        return viewer.size[0], viewer.size[1]
    return source.size
