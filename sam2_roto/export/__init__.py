"""Deliverables: mattes as EXR, PNG and TIFF, previews, annotations."""

from sam2_roto.export.exr import write_matte
from sam2_roto.export.metadata import PlateMetadata
from sam2_roto.export.png import write_gray
from sam2_roto.export.sequence import SequenceWriter

__all__ = ["PlateMetadata", "SequenceWriter", "write_gray", "write_matte"]
