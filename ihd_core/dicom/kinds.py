"""Tell a CT slice from everything else a study contains, and say why the rest is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    MediaStorageDirectoryStorage,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ihd_core.dicom.headers import Header
    from ihd_core.dicom.source_files import SourceFile

_REPORT_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
_SECONDARY_CAPTURE_CLASSES = "1.2.840.10008.5.1.4.1.1.7"
_ENHANCED = {EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage}
_PERFUSION = {"PERFUSION", "CBF", "RCBF", "CBV", "RCBV", "MTT", "TMAX", "TTP"}
_SCREENS = {"SCREEN SAVE", "DOSE_INFO", "PATIENT_INFO", "DOSE"}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Files that are not part of any series, and why.

    Attributes:
        damaged: the file was meant to be a slice; a reader must hear of it.
    """

    files: tuple[SourceFile, ...]
    reason: str
    damaged: bool = False

    @property
    def text(self) -> str:
        """One line: how many and why, with the name of a single file."""
        where = f": {self.files[0].name}" if len(self.files) == 1 else ""
        return f"{len(self.files)} × {self.reason}{where}"


NO_PLACE, NO_SPACING = "no position, orientation or pixel spacing", "pixel spacing not above zero"
UNPLACED = {NO_PLACE, NO_SPACING}
"""Reasons why an image of a CT series cannot be put where it belongs; a reader must hear of it."""

_RULES: tuple[tuple[str, Callable[[Header], bool]], ...] = (
    ("directory of a disc", lambda h: h.sop_class == MediaStorageDirectoryStorage),
    ("no image", lambda h: not (h.sop_class or h.modality or h.rows)),
    ("report", lambda h: h.sop_class.startswith(_REPORT_CLASSES) or h.modality == "SR"),
    ("presentation state", lambda h: h.modality == "PR"),
    (
        "dose screen or secondary capture",
        lambda h: h.sop_class.startswith(_SECONDARY_CAPTURE_CLASSES) or not _SCREENS.isdisjoint(h.image_type),
    ),
    (
        "multi-frame CT (Enhanced CT), which this version does not read",
        lambda h: h.sop_class in _ENHANCED or h.frames > 1,
    ),
    ("localizer", lambda h: "LOCALIZER" in h.image_type),
    ("colour picture", lambda h: h.samples_per_pixel != 1),
    ("perfusion map", lambda h: not _PERFUSION.isdisjoint(h.image_type)),
    ("no image", lambda h: not (h.rows and h.columns)),
    ("values that are not HU", lambda h: h.rescale_type not in {"", "HU", "US"}),
    (NO_PLACE, lambda h: None in (h.position, h.orientation, h.pixel_mm)),
    (NO_SPACING, lambda h: min(h.pixel_mm or (0,)) <= 0),
)


def why_left_out(header: Header) -> str:
    """The reason why this object is not a slice of a CT volume; empty if it is one."""
    is_ct = header.modality == "CT" or (not header.modality and header.sop_class == CTImageStorage)
    for reason, applies in _RULES:
        if applies(header):
            return reason
    return "" if is_ct else f"{header.modality or 'object without modality'}, not CT"
