"""A project file whose text is kept: elements know their place in it, and edits are spliced in between.

XML libraries write a file anew, and lose what they do not model: the order and quoting of attributes, entities, line
breaks, comments, the document type. Here the file stays as it was, byte by byte, but for the places that were edited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from host_adapters.mlt.errors import ProjectError

_TAG = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*>""")


@dataclass(eq=False)
class Element:
    """An element and where it lies: ``start`` is its ``<``, ``head`` the byte behind its start tag, ``tail`` the ``<``
    of its end tag, ``end`` the byte behind it. ``text`` is its own character data, joined."""

    tag: str
    attributes: Mapping[str, str]
    parent: Element | None
    start: int
    head: int
    tail: int = 0
    end: int = 0
    text: str = ""
    children: list[Element] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The ``id`` attribute, or an empty word."""
        return self.attributes.get("id", "")

    def get(self, attribute: str) -> str | None:
        """An attribute, where it is given."""
        return self.attributes.get(attribute)

    def all(self, *tags: str) -> list[Element]:
        """The children of these tags, in order."""
        return [child for child in self.children if child.tag in tags]

    def property(self, name: str) -> str | None:
        """The value of the MLT property ``name``; the last one counts, as in MLT."""
        found = [child.text for child in self.all("property") if child.get("name") == name]
        return found[-1] if found else None

    def walk(self) -> Iterator[Element]:
        """The element and all below it, in the file's order."""
        yield self
        for child in self.children:
            yield from child.walk()


class Splice(NamedTuple):
    """Put ``text`` in the place of the bytes from ``start`` to ``stop``."""

    start: int
    stop: int
    text: str


class Document:
    """The bytes of a project and its tree. Raises ProjectError where they are not XML in UTF-8."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name = data, name
        try:
            data.decode("utf-8-sig")
            self.root = _Reader(data).read()
        except (expat.ExpatError, UnicodeDecodeError, LookupError) as error:
            raise ProjectError(
                f"{name} is not an MLT project in UTF-8 ({error}); save it anew in its editor"
            ) from error
        if self.root.tag not in ("mlt", "westley"):
            raise ProjectError(f"{name} is XML, but of <{self.root.tag}> and not of <mlt>; give an MLT project")

    def ids(self) -> dict[str, Element]:
        """Elements by their id; the first one counts."""
        found: dict[str, Element] = {}
        for element in self.root.walk():
            if element.id:
                found.setdefault(element.id, element)
        return found

    def spliced(self, splices: list[Splice]) -> bytes:
        """The bytes with edits made, which must not overlap."""
        parts, place = [], 0
        for splice in sorted(splices, key=lambda splice: splice.start):
            parts += [self.data[place : splice.start], splice.text.encode("utf-8")]
            place = splice.stop
        return b"".join([*parts, self.data[place:]])

    def insert(self, parent: Element, before: Element | None, children: list[str]) -> Splice:
        """An edit that puts ``children`` (XML, one line per row) into ``parent``, ahead of ``before`` or at its end."""
        margin = self._margin(parent)
        inner = self._margin(parent.children[0]) if parent.children else margin + (" " * self._step())
        rows = ["\n".join(inner + line for line in child.splitlines()) for child in children]
        if before is not None:
            return Splice(before.start, before.start, "\n".join(rows).removeprefix(inner) + "\n" + inner)
        text = "\n" + "\n".join(rows)
        if parent.head == parent.end:  # <entry …/>
            return Splice(parent.head - 2, parent.head, f">{text}\n{margin}</{parent.tag}>")
        place = parent.children[-1].end if parent.children else parent.head
        return Splice(place, place, text if parent.children else f"{text}\n{margin}")

    def _margin(self, element: Element) -> str:
        """The blanks ahead of an element that begins a line."""
        line = self.data[self.data.rfind(b"\n", 0, element.start) + 1 : element.start]
        return line.decode("utf-8") if not line.strip() else ""

    def _step(self) -> int:
        first = self.root.children[0] if self.root.children else None
        return max(len(self._margin(first)) if first else 0, 1)


def row(tag: str, attributes: Mapping[str, str], properties: Mapping[str, str]) -> str:
    """An element with MLT properties, as rows of XML."""
    words = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    lines = [f" <property name={quoteattr(name)}>{escape(value)}</property>" for name, value in properties.items()]
    return "\n".join([f"<{tag}{words}>", *lines, f"</{tag}>"])


class _Reader:
    """Runs expat over the bytes and notes where elements begin and end. External entities are never fetched."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._open: list[Element] = []
        self._root: Element | None = None

    def read(self) -> Element:
        self._parser.Parse(self._data, True)
        if self._root is None:
            raise ValueError("expat ended without a root")
        return self._root

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        start = self._parser.CurrentByteIndex
        parent = self._open[-1] if self._open else None
        element = Element(tag, attributes, parent, start, _tag_end(self._data, start))
        if parent is not None:
            parent.children.append(element)
        self._root = self._root or element
        self._open.append(element)

    def _end(self, _: str) -> None:
        element = self._open.pop()
        if self._data[element.head - 2 : element.head] == b"/>":
            element.tail = element.end = element.head
        else:
            element.tail = self._parser.CurrentByteIndex
            element.end = self._data.index(b">", element.tail) + 1

    def _text(self, text: str) -> None:
        self._open[-1].text += text


def _tag_end(data: bytes, start: int) -> int:
    """The byte behind the tag that begins at ``start``; a ``>`` inside quotes does not end it."""
    tag = _TAG.match(data, start)
    if tag is None:
        raise ValueError("a start tag without an end passed the parser")
    return tag.end()
