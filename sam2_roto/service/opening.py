"""Opening what a shot names, within the opened folders: its footage and its network. Needs torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sam2_roto.checkpoints.cache import find
from sam2_roto.checkpoints.load import default_model, resolve
from sam2_roto.checkpoints.published import EMBEDDED, PUBLISHED
from sam2_roto.errors import ModelError
from sam2_roto.loading import build_model
from sam2_roto.model import SAM2
from sam2_roto.shot.document import Document, TrackingSettings
from sam2_roto.shot.footage import locate
from sam2_roto.shot.session import Session
from sam2_roto.shot.shot import Shot

from .paths import Folders
from .room import Models


class SharedSession(Session):
    """A session whose network is shared with those of other shots."""

    def __init__(self, shot: Shot, models: Models) -> None:
        super().__init__(shot)
        self._models = models

    @property
    def model(self) -> SAM2:
        """The network, loaded when it is first needed."""
        return self._models.get(self.network)


def open_session(shot: Shot, folders: Folders, models: Models) -> Session:
    """The session of a shot, whose footage and weights are looked at first."""
    check_sources(shot.document, shot.folder, folders)
    return SharedSession(shot, models)


def check_sources(document: Document, folder: Path, folders: Folders) -> None:
    """Raise Refused where footage or weights lie outside the opened folders, ModelError where weights are not here."""
    folders.footage(locate(document.footage, folder.resolve()))
    check_model(document.settings.model, folders)


def check_settings(settings: TrackingSettings, folders: Folders) -> TrackingSettings:
    """The settings, with the real path of a weights file. Raises Refused, ModelError, CheckpointError."""
    settings = replace(settings, model=check_model(settings.model, folders))
    if settings.image_size is not None:
        name, _ = resolve(settings.model or default_model())
        build_model(name, settings.image_size)  # says whether that size is possible
    return settings


def check_model(model: str | None, folders: Folders) -> str | None:
    """A model's name, whose weights are on this machine, or the real path of a weights file.

    The service downloads nothing: ModelError says how weights come here.
    """
    if model is None:
        return None
    if model == EMBEDDED or model in PUBLISHED:
        if find(model) is None:
            raise ModelError(f"the weights of {model} are not on this machine; give 'sam2-roto models fetch {model}'")
        return model
    if "/" not in model and "\\" not in model:
        known = ", ".join((EMBEDDED, *PUBLISHED))
        raise ModelError(f"no model is called '{model}'; give the path of a weights file, or one of {known}")
    path = str(folders.inside(model, "weights file"))
    resolve(path)
    return path
