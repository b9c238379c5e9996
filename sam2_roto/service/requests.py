"""Bodies of requests. Numbers are numbers and finite, words are words, and nothing unknown is passed over."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

Frame = Annotated[StrictInt, Field(ge=-(2**31), lt=2**31, description="number of a frame, as the footage counts")]
Coordinate = Annotated[
    float, Field(strict=True, allow_inf_nan=False, ge=-1e6, le=1e6, description="pixels of the plate")
]
Amount = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e6, le=1e6)]
Name = Annotated[StrictStr, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=200, description="an object")]
Colour = Annotated[StrictStr, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="such as #ff5c39")]
PathText = Annotated[StrictStr, Field(min_length=1, max_length=4096, description="absolute path in an opened folder")]
Word = Annotated[StrictStr, Field(min_length=1, max_length=200)]
Width = Annotated[int, Field(ge=1, le=16384, description="pixels; the plate's own where it is left out")]
Span = Annotated[list[Frame], Field(min_length=2, max_length=2, description="first and last frame")]
Priority = Annotated[StrictInt, Field(ge=-1000, le=1000, description="the higher comes first")]
Size = Annotated[StrictInt, Field(ge=32, le=4096, multiple_of=32, description="side of the network's input")]
Crop = Annotated[
    Literal["auto", "none"], Field(description="auto follows small objects in windows; none, all on the whole plate")
]
Settings = Annotated[dict[str, Any], Field(description="as in a shot's recipe")]

Point = Annotated[tuple[Coordinate, Coordinate, StrictBool], Field(description="x, y, and whether it is on the object")]
Corners = Annotated[
    tuple[Coordinate, Coordinate, Coordinate, Coordinate], Field(description="left, top, right, bottom")
]


class Body(BaseModel):
    """A request's body; what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid")


class OpenFolder(Body):
    """A folder that the user opens for reading and writing."""

    path: PathText


class OpenShot(Body):
    """A new shot of ``footage``, or the one in ``folder``."""

    footage: PathText | None = None
    folder: PathText | None = None
    range: Span | None = None
    start: Frame | None = None
    color_space: Word | None = None
    model: PathText | None = None
    image_size: Size | None = None
    crop: Crop | None = None
    recipe: Settings | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.footage is None and self.folder is None:
            raise ValueError("give the footage of a new shot, or the folder of one that is there")
        if self.footage is None and self.model_fields_set - {"folder"}:
            raise ValueError("a shot that is there is opened as it is; give the folder alone")
        return self


class ChangeShot(Body):
    """Settings of a shot; those that are left out stay."""

    range: Span | None = None
    recipe: Settings | None = None
    model: PathText | None = None
    image_size: Size | None = None
    crop: Crop | None = None


class NewObject(Body):
    """An object without prompts."""

    name: Name
    colour: Colour | None = None


class ChangeObject(Body):
    """What is to be changed of an object."""

    name: Name | None = None
    colour: Colour | None = None
    visible: StrictBool | None = None
    locked: StrictBool | None = None


class StrokeBody(Body):
    """A stroke of a round brush."""

    radius: Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=1e4, description="pixels of the plate")]
    positive: StrictBool = True
    points: Annotated[list[tuple[Coordinate, Coordinate]], Field(min_length=1, max_length=10_000)]


class PromptBody(Body):
    """What is said about an object on a frame."""

    object: Name
    frame: Frame
    points: Annotated[list[Point], Field(max_length=1000)] | None = None
    box: Corners | None = None
    mask: PathText | None = None
    strokes: Annotated[list[StrokeBody], Field(max_length=1000)] | None = None
    width: Annotated[StrictInt, Field(ge=1, le=16384, description="of the picture that is answered")] | None = None


class LockBody(Body):
    """A frame that is accepted as it is, or not any more."""

    object: Name
    frame: Frame
    locked: StrictBool


class TrackBody(Body):
    """A job that tracks what the shot lacks."""

    priority: Priority = 0


class DeliverablesBody(Body):
    """What is written beside the mattes, and their own kind."""

    format: Literal["exr", "png", "tiff"] = "exr"
    layout: Literal["layers", "parts", "objects"] = "layers"
    compression: Word = "zip:4"
    crop: StrictBool = True
    rgba: StrictBool = False
    cryptomatte: StrictBool = False
    movie: Literal["prores4444", "ffv1", "png", "vp9"] | None = None
    trimap: Amount | None = None
    confidence: StrictBool = False
    splines: PathText | None = None
    preview: StrictBool = True


class ExportBody(Body):
    """A job that writes mattes."""

    output: PathText
    format: Literal["exr", "png", "tiff"] | None = None
    deliverables: DeliverablesBody | None = None
    track: Annotated[StrictBool, Field(description="track first what is missing")] = True
    priority: Priority = 0


class CompositeBody(Body):
    """A job that puts the shot's objects before another background; lengths are in pixels."""

    output: PathText
    background: Annotated[StrictStr, Field(min_length=1, max_length=4096)] | None = None
    preset: Literal["cutout", "portrait", "vertical"] | None = None
    range: Span | None = None
    objects: Annotated[list[Name], Field(max_length=100)] | None = None
    rate: Word | None = None
    fit: Literal["fill", "fit", "stretch"] | None = None
    timing: Literal["once", "still", "loop", "hold"] | None = None
    retime: StrictBool | None = None
    offset: Frame | None = None
    background_space: Word | None = None
    working_space: Word | None = None
    output_space: Word | None = None
    estimate: StrictBool | None = None
    screen: Literal["green", "blue"] | None = None
    choke: Amount | None = None
    match: Amount | None = None
    wrap: Amount | None = None
    wrap_size: Amount | None = None
    shadow: Amount | None = None
    size: Annotated[list[Annotated[StrictInt, Field(ge=16, le=16384)]], Field(min_length=2, max_length=2)] | None = None
    follow: StrictBool | None = None
    smooth: Amount | None = None
    codec: Literal["h264", "h265", "prores", "prores4444", "ffv1"] | None = None
    depth: Literal[8, 16, 32] | None = None
    sound: PathText | None = None
    silent: StrictBool | None = None
    track: Annotated[StrictBool, Field(description="track first what is missing")] = True
    priority: Priority = 0


class ChangeJob(Body):
    """Another priority for a job that waits."""

    priority: Priority
