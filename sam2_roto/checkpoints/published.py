"""The eight checkpoints that Meta published with SAM 2 (July 2024) and SAM 2.1 (September 2024), under Apache-2.0."""

from __future__ import annotations

from dataclasses import dataclass

from sam2_roto.errors import ModelError

EMBEDDED = "nano"
"""The model whose weights ship in the package."""

_SITE = "https://dl.fbaipublicfiles.com/segment_anything_2"


@dataclass(frozen=True)
class Published:
    """A published weights file: its address, its length in bytes and its SHA-256."""

    name: str
    url: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        """Name of the file, at its address and in the cache."""
        return self.url.rpartition("/")[2]


def _entry(release: str, name: str, size: int, sha256: str) -> Published:
    return Published(name, f"{_SITE}/{release}/{name}.pt", size, sha256)


PUBLISHED: dict[str, Published] = {
    entry.name: entry
    for entry in (
        _entry(
            "092824",
            "sam2.1_hiera_tiny",
            156_008_466,
            "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
        ),
        _entry(
            "092824",
            "sam2.1_hiera_small",
            184_416_285,
            "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
        ),
        _entry(
            "092824",
            "sam2.1_hiera_base_plus",
            323_606_802,
            "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
        ),
        _entry(
            "092824",
            "sam2.1_hiera_large",
            898_083_611,
            "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
        ),
        _entry(
            "072824",
            "sam2_hiera_tiny",
            155_906_050,
            "65b50056e05bcb13694174f51bb6da89c894b57b75ccdf0ba6352c597c5d1125",
        ),
        _entry(
            "072824",
            "sam2_hiera_small",
            184_309_650,
            "95949964d4e548409021d47b22712d5f1abf2564cc0c3c765ba599a24ac7dce3",
        ),
        _entry(
            "072824",
            "sam2_hiera_base_plus",
            323_493_298,
            "d0bb7f236400a49669ffdd1be617959a8b1d1065081789d7bbff88eded3a8071",
        ),
        _entry(
            "072824",
            "sam2_hiera_large",
            897_952_466,
            "7442e4e9b732a508f80e141e7c2913437a3610ee0c77381a66658c3a445df87b",
        ),
    )
}
"""Name of the model → its published file."""


def published(name: str) -> Published:
    """The published file of the model ``name``; raises ``ModelError`` for any other name."""
    if name not in PUBLISHED:
        raise ModelError(f"no model is called '{name}'; the published ones are {', '.join(PUBLISHED)}")
    return PUBLISHED[name]
