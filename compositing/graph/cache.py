"""Pictures kept for a second use, the ones used longest ago dropped first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from compositing.image import Image, Window


class ImageCache:
    """Images by a key, with the region that each of them answers for; never more than ``capacity`` bytes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self._kept: OrderedDict[Hashable, tuple[Window | None, Image]] = OrderedDict()

    def find(self, key: Hashable, region: Window | None) -> Image | None:
        """The image kept under the key, if it holds all of ``region`` (None: all there is)."""
        found = self._kept.get(key)
        if found is None:
            return None
        covered, image = found
        if covered is not None and (region is None or not covered.contains(region)):
            return None
        self._kept.move_to_end(key)
        return image

    def keep(self, key: Hashable, region: Window | None, image: Image) -> None:
        """Keep an image that answers for ``region``; one that is larger than the cache is not kept."""
        self._drop(key)
        size = _bytes(image)
        if size > self.capacity:
            return
        self._kept[key] = (region, image)
        self.size += size
        while self.size > self.capacity:
            self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        """Drop everything."""
        self._kept.clear()
        self.size = 0

    def _drop(self, key: Hashable) -> None:
        if (old := self._kept.pop(key, None)) is not None:
            self.size -= _bytes(old[1])


def _bytes(image: Image) -> int:
    return image.pixels.untyped_storage().nbytes()
