"""Merging two people's copies of a shot, object by object."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Literal

from sam2_roto.errors import ShotError

from .answers import ANSWERS
from .document import Document, ShotObject
from .durable import write_whole
from .pictures import MASKS
from .schema import from_json, to_json
from .shot import Shot

Side = Literal["ours", "theirs"]

_BLOCK = 1 << 16  # bytes


@dataclass
class MergeReport:
    """What a merge did, by the names that the objects have now."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    """Name in the other shot → name here, where it was taken."""


def merge(ours: Shot, theirs: Path, take: Mapping[str, Side] | None = None) -> MergeReport:
    """Bring the objects of another copy of the shot into ``ours``, as one edit, with what was tracked for them.

    An object that only one side touched since the copies parted is taken from that side. Where both touched it,
    ``take`` tells by its name whose counts; without a word, ShotError names it and nothing is changed. Range, recipe,
    settings and cuts stay ours. Raises ShotError where the other shot is of other footage.
    """
    with Shot(theirs, read_only=True) as other:
        _check_footage(ours, other)
        base = _parting(ours, other)
        document, report = _merged(base, ours.document, other.document, take or {})
        _copy_files(theirs, ours.folder, document)
        ours.edit(f"merge {theirs.name}", lambda _: document)
    return report


def _check_footage(ours: Shot, other: Shot) -> None:
    first, second = ours.document.footage, other.document.footage
    if (first.digest, first.size) != (second.digest, second.size):
        raise ShotError(f"{other.folder} is of other footage, {second.name}; only copies of one shot can be merged")


def _parting(ours: Shot, other: Shot) -> Document | None:
    """The document that both copies had when they parted; ``None`` where they share no history."""
    mine, yours = (shot.history.edits[: shot.history.position] for shot in (ours, other))
    shared = sum(1 for _ in takewhile(lambda pair: pair[0].id == pair[1].id, zip(mine, yours, strict=False)))
    first, second = (shot.history.states(to_json(shot.document))[shared] for shot in (ours, other))
    return from_json(first) if first["objects"] == second["objects"] else None


def _merged(
    base: Document | None, ours: Document, theirs: Document, take: Mapping[str, Side]
) -> tuple[Document, MergeReport]:
    report = MergeReport()
    clashes: list[str] = []
    for identity in dict.fromkeys(entry.id for entry in (*ours.objects, *theirs.objects)):
        old = base.find(identity) if base else None
        here, there = ours.find(identity), theirs.find(identity)
        if here == there or there == old:
            continue
        name = (here or there or ShotObject("", "", "")).name
        if here != old and name not in take:
            clashes.append(name)
        elif here == old or take[name] == "theirs":
            ours = _take(ours, here, there, report)
    if clashes:
        named = ", ".join(f"'{name}'" for name in clashes)
        raise ShotError(f"both shots changed {named}; say whose counts with --take NAME=ours or --take NAME=theirs")
    return ours, report


def _take(document: Document, here: ShotObject | None, there: ShotObject | None, report: MergeReport) -> Document:
    """Put their object in place of ours; ``None`` is an object that one side removed."""
    if there is None:
        assert here is not None
        report.removed.append(here.name)
        return replace(document, objects=tuple(entry for entry in document.objects if entry.id != here.id))
    name = _free_name(document, there)
    if name != there.name:
        report.renamed[there.name] = name
    (report.added if here is None else report.changed).append(name)
    return document.with_object(replace(there, name=name))


def _free_name(document: Document, entry: ShotObject) -> str:
    taken = {other.name for other in document.objects if other.id != entry.id}
    name, number = entry.name, 2
    while name in taken:
        name, number = f"{entry.name}_{number}", number + 1
    return name


def _copy_files(source: Path, target: Path, document: Document) -> None:
    """Copy answers, masks and masklets that ``target`` lacks; files are named by what they hold, so none changes."""
    objects = {entry.id for entry in document.objects}
    for file in (*(source / MASKS).glob("*.png"), *(source / ANSWERS).glob("*.npz")):
        _copy(file, target / file.relative_to(source))
    for file in (*source.glob("masklets/*/job.json"), *source.glob("masklets/*/*.masklet")):
        if file.suffix == ".json" or file.name.split("_")[0] in objects:
            _copy(file, target / file.relative_to(source))


def _copy(source: Path, target: Path) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".masklet":
            _copy_sparse(source, target)  # its records have checksums: half a copy is found out
        else:
            write_whole(target, source.read_bytes())


def _copy_sparse(source: Path, target: Path) -> None:
    """Copy a file block by block, leaving holes where all is zero: records that were not tracked take no room."""
    with source.open("rb") as old, target.open("wb") as new:
        while block := old.read(_BLOCK):
            if block.count(0) == len(block):
                new.seek(len(block), os.SEEK_CUR)
            else:
                new.write(block)
        new.truncate(old.tell())
