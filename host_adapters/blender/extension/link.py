"""What the extension asks of the service. Knows nothing of Blender, so that it may run beside the interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host_adapters.client import Client, Refused, Task
from host_adapters.client.files import layer_of, stem_of
from host_adapters.client.footage import same_footage

from .errors import SceneError

Json = dict[str, Any]

SETTLED = ("range", "recipe", "tracking", "set", "cuts", "find")
"""First words of the shot's edits that no artist made; undo goes on past them."""

EXPORTS: dict[str, Json] = {
    "exr": {"format": "exr", "deliverables": {"layout": "objects", "crop": False, "preview": False}},
    "png": {"format": "png", "deliverables": {"preview": False}},
    "splines": {"format": "png", "deliverables": {"preview": False, "splines": "splines.json"}},
}
"""What is asked for by kind. EXR is not cropped: Blender takes the data window for the frame."""


@dataclass(frozen=True)
class Settings:
    """The extension's preferences: command of the service, model, image size, feather in pixels, idle seconds."""

    command: str = ""
    model: str = "nano"
    image_size: int = 0
    feather: float = 0.0
    idle: float = 900.0

    def recipe(self) -> Json:
        """How mattes are made, as the service tells it: the default recipe, and a soft edge of the feather's width."""
        steps: list[Json] = [
            {"step": "see_through", "frames": 5},
            {"step": "stabilise", "frames": 3, "strength": 1.0},
            {"step": "refine", "pixels": 0.0, "epsilon": 0.00005},
            {"step": "strands", "frames": 5, "reach": 0.0},
        ]
        if self.feather > 0:
            half = self.feather / 2
            steps.append({"step": "feather", "inner": half, "outer": half, "profile": "linear"})
        return {"edge_width": 1.0, "knee": 8.0, "fractions": 2, "exclusive": False, "steps": steps}


@dataclass(frozen=True)
class Work:
    """The frames of a plate that are worked on, and where the shot lies.

    Attributes:
        plate: a movie, or the pattern of a sequence.
        frames: the first and last frame, as the plate is numbered.
        folder: where shots and mattes go.
    """

    plate: Path
    frames: tuple[int, int]
    folder: Path

    @property
    def name(self) -> str:
        """The plate's name without number and ending."""
        return self.plate.stem.split("%")[0].rstrip("._-") or "plate"

    @property
    def shot(self) -> Path:
        """The folder of the shot."""
        return self.folder / f"{self.name}.roto"

    def output(self, kind: str) -> Path:
        """The folder of what is exported of a kind."""
        return self.folder / f"{self.name}_{kind}"


@dataclass
class Link:
    """The way to the service, which is found or started with the first call.

    Methods block and raise ServiceError, or SceneError where the shot in the folder is of another plate.
    """

    settings: Settings
    _shots: dict[tuple[Path, Path], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = Client(self.settings.command or None, idle=self.settings.idle)

    def shot(self, work: Work) -> Json:
        """The shot of the plate, with the frames and the settings of now."""
        found, wanted = self.found(work), self._wanted(work)
        changed = {name: value for name, value in wanted.items() if found[name] != value}
        return self.client.change_shot(found["id"], **changed) if changed else found

    def found(self, work: Work) -> Json:
        """The shot of the plate as it is, opened or made where it was not yet."""
        known = self._shots.get((work.shot, work.plate))
        if known:
            try:
                return self.client.shot(known)
            except Refused as refused:
                if refused.kind != "shot":
                    raise  # otherwise it was closed by someone else
        found = self._open(work)
        self._shots[work.shot, work.plate] = found["id"]
        return found

    def say(self, work: Work, name: str, frame: int, said: Json) -> Json:
        """Say something about an object: points or a box. The answer's ``mask`` is a PNG as wide as the plate."""
        return self.client.prompt(self.shot(work)["id"], name, frame, **said)

    def preview(self, work: Work, name: str, frame: int, said: Json) -> Json:
        """What the network would answer; nothing is said."""
        return self.client.preview(self.found(work)["id"], name, frame, **said)

    def undo(self, work: Work) -> bool:
        """Take back what the artist said last; False where nothing is left."""
        return self._turn(self.client.undo, work)

    def redo(self, work: Work) -> bool:
        """Say again what was taken back last; False where nothing is."""
        return self._turn(self.client.redo, work)

    def _turn(self, turn: Callable[[str], Json], work: Work) -> bool:
        shot = self.found(work)["id"]
        while label := turn(shot)["label"]:
            if label.split()[0] not in SETTLED:
                return True
        return False

    def track(self, work: Work, task: Task) -> Json:
        """Track what is missing; gives the shot."""
        shot = self.shot(work)["id"]
        self.client.wait(self.client.track(shot), task.report, task.is_cancelled)
        return self.client.shot(shot)

    def export(self, work: Work, kind: str, task: Task) -> list[Path]:
        """Write mattes or splines, tracking first what is missing; gives the files."""
        options = dict(EXPORTS[kind])
        if "splines" in options["deliverables"]:
            options["deliverables"] = {**options["deliverables"], "splines": str(work.output(kind) / "splines.json")}
        started = self.client.export(self.shot(work)["id"], work.output(kind), track=True, **options)
        done = self.client.wait(started, task.report, task.is_cancelled)
        return [Path(path) for path in done["result"]["files"]]

    def _wanted(self, work: Work) -> Json:
        """The shot's frames and settings as the scene and the preferences say."""
        said = self.settings
        model, size = said.model or None, said.image_size or None
        return {"range": list(work.frames), "recipe": said.recipe(), "model": model, "image_size": size}

    def _open(self, work: Work) -> Json:
        work.folder.mkdir(parents=True, exist_ok=True)
        self.client.open_folder(work.plate.parent)
        self.client.open_folder(work.folder)
        if not (work.shot / "shot.json").is_file():
            return self.client.new_shot(work.plate, folder=str(work.shot), **self._wanted(work))
        found = self.client.open_shot(work.shot)
        if not same_footage(found["footage"], work.plate):
            raise SceneError(
                f"{work.shot.name} is of {found['footage']}, not of {work.plate}; choose another Folder in the"
                " preferences, or where the plate was moved give 'sam2-roto shot relink' its new place."
            )
        return found


def object_files(files: list[Path], name: str, ending: str) -> list[Path]:
    """Of exported files, those of an object: named after it, or all where they are of one object."""
    found = sorted(path for path in files if path.suffix == ending)
    layer = layer_of(name)
    stems = {stem_of(path) for path in found}
    own = [stem for stem in stems if stem.endswith((f"_matte_{layer}", f"splines_{layer}"))]
    if not own:
        return found if len(stems) == 1 else []
    shortest = min(own, key=len)  # "x_matte_dog", not "x_matte_matte_dog"
    return [path for path in found if stem_of(path) == shortest]
