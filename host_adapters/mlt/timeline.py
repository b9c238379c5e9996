"""The clips of a project: walks from the timelines through tracks and playlists to what plays in them.

An editor's track is a ``<track>`` of a tractor. Kdenlive keeps two playlists in a tractor for each of them, and writes
a timeline for each sequence; Shotcut keeps one playlist, and joins clips that dissolve in small tractors of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple

from compositing.footage import Footage
from host_adapters.mlt.document import Document, Element
from host_adapters.mlt.source import Source, is_footage, source_of, span_of
from host_adapters.mlt.times import Profile, frames_of

Flavor = Literal["kdenlive", "shotcut", "mlt"]
"""Whose project it is."""

_COMPOSITORS = ("qtblend", "frei0r.cairoblend", "movit.overlay", "composite", "affine")


@dataclass(frozen=True)
class Clip:
    """A stretch of footage on a track.

    Attributes:
        id: unique in the project, such as ``V1:2``: the second clip of the first video track.
        name: as the editor shows it.
        track: the track's label, with its name where it has one.
        start: the project's frame at which it begins.
        first, last: positions of its producer, in frames of the project; the mattes are made for all of them.
        producer: the ``<producer>`` or ``<chain>``.
        holder: the element that filters are put into: the ``<entry>``, or the producer itself.
        composite: the service that puts its track over those below; empty where nothing does.
    """

    id: str
    name: str
    track: str
    start: int
    first: int
    last: int
    producer: Element
    holder: Element
    composite: str

    @property
    def positions(self) -> range:
        """All positions that are shown."""
        return range(self.first, self.last + 1)

    def source(self, root: Path, rate: Fraction) -> Source:
        """The footage. Raises ProjectError for what is not followed here."""
        return source_of(self.producer, root, rate)


class _Track(NamedTuple):
    label: str
    name: str
    playlists: tuple[Element, ...]
    composite: str


class _Cut(NamedTuple):
    """A producer as it is used: where the timeline shows it, and from which position to which."""

    holder: Element
    producer: Element
    start: int
    first: int
    last: int


def flavor_of(document: Document) -> Flavor:
    """Whose project it is, by the properties that only one of the programs writes."""
    names = {element.get("name") or "" for element in document.root.walk() if element.tag == "property"}
    if any(name.startswith("kdenlive:docproperties") for name in names):
        return "kdenlive"
    return "shotcut" if "shotcut" in names or any(name.startswith("shotcut:") for name in names) else "mlt"


def clips_of(document: Document, profile: Profile, flavor: Flavor) -> list[Clip]:
    """The clips of footage that can be seen, timeline by timeline, from the lowest track up."""
    ids = document.ids()
    found: list[Clip] = []
    for prefix, timeline in _timelines(document, ids):
        for track in _tracks(timeline, ids):
            cuts = sorted(_cuts(track, ids, profile.rate), key=lambda cut: cut.start)
            found += _named(cuts, track, prefix, ids, profile.rate, flavor)
    return found


def _named(
    cuts: Sequence[_Cut], track: _Track, prefix: str, ids: dict[str, Element], rate: Fraction, flavor: Flavor
) -> Iterator[Clip]:
    for number, cut in enumerate(cuts, 1):
        first, last, holder = cut.first, cut.last, cut.holder
        if flavor == "shotcut":  # its filters belong to the producer, wherever a transition or another cut shows it
            holder = cut.producer
            first, last = _uses(cut, ids, rate)
        label = f"{prefix}{track.label}"
        shown = f"{label} ({track.name})" if track.name and track.name != track.label else label
        yield Clip(
            f"{label}:{number}",
            _name(cut.producer, ids),
            shown,
            cut.start,
            first,
            last,
            cut.producer,
            holder,
            track.composite,
        )


def _name(producer: Element, ids: dict[str, Element]) -> str:
    """The clip's name: as given in the editor, else the file's."""
    for key in ("kdenlive:clipname", "shotcut:caption", "title"):
        if found := producer.property(key):
            return found
    own = producer.property("kdenlive:id")
    for other in ids.values():
        if own and other.property("kdenlive:id") == own and (found := other.property("kdenlive:clipname")):
            return found
    resource = producer.property("resource") or producer.id
    warped = producer.property("mlt_service") == "timewarp"
    return Path(resource.partition(":")[2] if warped else resource).name


def _timelines(document: Document, ids: dict[str, Element]) -> list[tuple[str, Element]]:
    """The timelines, each with what its clips' ids begin with: nothing for the first, the others' names."""
    tractors = document.root.all("tractor")
    sequences = [tractor for tractor in tractors if tractor.property("kdenlive:uuid")]
    if not sequences:
        named = ids.get(document.root.get("producer") or "")
        rest = tractors or document.root.all("playlist") or document.root.all("chain", "producer")
        playable = named if named is not None and named.id != "main_bin" else None
        sequences = [playable if playable is not None else rest[-1]] if rest else []
    main = _opened(document)
    sequences.sort(key=lambda tractor: tractor.property("kdenlive:uuid") != main)
    names = [tractor.property("kdenlive:clipname") or tractor.id for tractor in sequences]
    return [
        (f"{name}/" if index else "", tractor)
        for index, (name, tractor) in enumerate(zip(names, sequences, strict=True))
    ]


def _opened(document: Document) -> str | None:
    """The sequence that Kdenlive shows first."""
    for playlist in document.root.all("playlist"):
        if found := playlist.property("kdenlive:docproperties.activetimeline"):
            return found
    return None


def _tracks(timeline: Element, ids: dict[str, Element]) -> Iterator[_Track]:
    """The tracks that can be seen, V1 lowest. A playlist or producer alone is a track by itself."""
    if timeline.tag != "tractor":
        yield _Track("V1", "", (timeline,), "")
        return
    number = 0
    for index, track in enumerate(timeline.all("track")):
        target = ids.get(track.get("producer") or "")
        if target is None or track.get("hide") in ("video", "both"):
            continue
        inner = [entry for entry in target.all("track") if entry.get("hide") != "video"]
        lists = tuple(found for entry in inner if (found := ids.get(entry.get("producer") or "")) is not None)
        if target.property("kdenlive:audio_track") == "1" or (target.tag == "tractor" and not lists):
            continue
        if target.tag != "tractor" and (target.id in ("black_track", "background") or not _holds_footage(target, ids)):
            continue
        number += 1
        name = target.property("kdenlive:track_name") or target.property("shotcut:name") or ""
        yield _Track(f"V{number}", name, lists or (_direct(track, target),), _compositor(timeline, index))


def _direct(track: Element, target: Element) -> Element:
    """What a track plays; where it cuts a producer itself, the ``<track>``."""
    return track if target.tag in ("producer", "chain") else target


def _holds_footage(target: Element, ids: dict[str, Element]) -> bool:
    if target.tag in ("producer", "chain"):
        return is_footage(target)
    if target.property("shotcut:video") == "1":
        return True
    played = [ids.get(entry.get("producer") or "") for entry in target.all("entry")]
    return any(one is not None and (one.tag == "tractor" or is_footage(one)) for one in played)


def _compositor(timeline: Element, index: int) -> str:
    for transition in timeline.all("transition"):
        service = transition.property("mlt_service") or ""
        if transition.property("b_track") == str(index) and service in _COMPOSITORS:
            return service if transition.property("disable") != "1" else ""
    return ""


def _cuts(track: _Track, ids: dict[str, Element], rate: Fraction) -> Iterator[_Cut]:
    """The footage of a track's playlists, with its place in time."""
    for playlist in track.playlists:
        if playlist.tag in ("producer", "chain", "track"):
            producer = ids.get(playlist.get("producer") or "") or playlist
            yield from _cut(playlist, producer, 0, rate, holder=producer)
            continue
        start = 0
        for item in playlist.all("entry", "blank"):
            if item.tag == "blank":
                start += frames_of(item.get("length") or "0", rate)
                continue
            produced = ids.get(item.get("producer") or "")
            if produced is None:
                continue
            yield from _cut(item, produced, start, rate)
            start += _length(item, produced, rate)


def _cut(item: Element, producer: Element, start: int, rate: Fraction, holder: Element | None = None) -> Iterator[_Cut]:
    if producer.tag in ("producer", "chain") and is_footage(producer):
        first, last = _span(item, producer, rate)
        yield _Cut(holder or item, producer, start, first, last)


def _span(item: Element, producer: Element, rate: Fraction) -> tuple[int, int]:
    """The positions that an entry or track shows; all of the producer's where it does not say."""
    first, last = item.get("in"), item.get("out")
    if item is producer or last is None:
        begin, end = span_of(producer, rate)
        return (frames_of(first, rate) if first and item is not producer else 0), end - begin
    return frames_of(first or "0", rate), frames_of(last, rate)


def _length(item: Element, producer: Element, rate: Fraction) -> int:
    if item.get("out") is not None:
        return frames_of(item.get("out") or "0", rate) - frames_of(item.get("in") or "0", rate) + 1
    first, last = span_of(producer, rate)
    return last - first + 1


def _uses(cut: _Cut, ids: dict[str, Element], rate: Fraction) -> tuple[int, int]:
    """First and last position of the producer that any cut of it shows, those inside of transitions too."""
    first, last = cut.first, cut.last
    for element in ids.values():
        for item in element.all("entry", "track"):
            if item.get("producer") == cut.producer.id and element.id != "main_bin" and item.get("out") is not None:
                begin, end = _span(item, cut.producer, rate)
                first, last = min(first, begin), max(last, end)
    return first, last


def source_frames(clip: Clip, source: Source, footage: Footage, rate: Fraction) -> list[int]:
    """The footage's frame, in its own numbering, at each of the clip's positions.

    Beyond the ends of the footage MLT holds its first or last picture.
    """
    timing = source.timing(rate, footage)
    first = footage.first if source.begin is None else source.begin if source.begin in footage.frames else footage.first
    return [min(max(first + timing.frame(position), footage.first), footage.last) for position in clip.positions]
