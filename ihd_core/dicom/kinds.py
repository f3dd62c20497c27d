"""Tell a CT slice from everything else a study contains, and say why the rest is left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.dicom.headers import CT_IMAGE_CLASS, Header
from ihd_core.dicom.ranking import words
from ihd_core.scan import ScanWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ihd_core.dicom.sources.source_files import SourceFile

_DISC_DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
_REPORT_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
_SECONDARY_CAPTURE_CLASSES = "1.2.840.10008.5.1.4.1.1.7"
_LOCALIZERS = {"LOCALIZER", "SCOUT", "TOPOGRAM", "SURVIEW", "REF_SURVIEW"}
_PERFUSION_MAP = re.compile(r"R?CB[FV]D?|MTTD?|TMAXD?|TTPM?|TTD|TTS|PERMEABILITY|PENUMBRA|DRAIN ?TIME")
_SCREENS = {"SCREEN SAVE", "DOSE_INFO", "PATIENT_INFO", "DOSE", "RESULTS", "CSA REPORT", "CSA RESULT"}
_OTHER_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.66": "raw data",
    "1.2.840.10008.5.1.4.1.1.66.1": "registration",
    "1.2.840.10008.5.1.4.1.1.66.3": "registration",
    "1.2.840.10008.5.1.4.1.1.66.4": "segmentation",
    "1.2.840.10008.5.1.4.1.1.66.5": "segmentation",
    "1.2.840.10008.5.1.4.1.1.88.59": "list of key images",
    "1.2.840.10008.5.1.4.1.1.104.1": "PDF document",
    "1.2.840.10008.5.1.4.1.1.104.2": "CDA document",
}
_OTHER_MODALITIES = {
    "SEG": "segmentation",
    "KO": "list of key images",
    "REG": "registration",
    "DOC": "document",
    "RTSTRUCT": "contours for radiotherapy",
    "RTPLAN": "plan for radiotherapy",
    "RTDOSE": "dose of radiotherapy",
    "RTIMAGE": "image of radiotherapy",
}


MOST_NAMED = 3
"""Files that a line names."""


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

    @property
    def named_text(self) -> str:
        """The line with the names of the first few files."""
        if len(self.files) == 1:
            return self.text
        names = list(dict.fromkeys(file.name for file in self.files))[:MOST_NAMED]
        more = len(self.files) - len(names)
        return f"{self.text}: {', '.join(names)}{f' and {more} more' if more > 0 else ''}"


def left_out_warnings(entries: Iterable[LeftOut]) -> list[ScanWarning]:
    """What a reader must know of images that lie as the slices of a scan do and were not taken for slices."""
    warnings = []
    for entry in entries:
        count = len(entry.files)
        many = f" and {count - 1} more" if count > 1 else ""
        text = f"Left out of this series: {entry.files[0].name}{many} ({entry.reason})"
        warnings.append(ScanWarning("left-out-images", text, {"files": count}))
    return warnings


NO_PLACE, NO_SPACING = "no position, orientation or pixel spacing", "pixel spacing not above zero"
NO_FRAME_PLACES = "multi-frame picture without a place for each frame"
UNPLACED = {NO_PLACE, NO_FRAME_PLACES, NO_SPACING}
"""Reasons why an image of a CT series cannot be put where it belongs; a reader must hear of it."""


def _is_localizer(header: Header) -> bool:
    """Whether a picture was made to plan the scan; by its words only where it does not lie across the patient."""
    if not _LOCALIZERS.isdisjoint(header.image_type):
        return True
    row, column = (header.orientation or ())[:3], (header.orientation or ())[3:]
    across = bool(row) and max(abs(row[2]), abs(column[2])) < 0.6
    return not across and words.read(header.details.series_description).localizer


def _is_perfusion_map(header: Header) -> bool:
    """The images over time from which the maps are computed are ORIGINAL."""
    derived = "ORIGINAL" not in header.image_type
    return derived and any(part == "PERFUSION" or _PERFUSION_MAP.fullmatch(part) for part in header.image_type)


_RULES: tuple[tuple[str, Callable[[Header], bool]], ...] = (
    ("directory of a disc", lambda h: h.sop_class == _DISC_DIRECTORY_CLASS),
    ("no image", lambda h: not (h.sop_class or h.modality or h.rows)),
    ("report", lambda h: h.sop_class.startswith(_REPORT_CLASSES) or h.modality == "SR"),
    ("presentation state", lambda h: h.modality == "PR"),
    (
        "dose screen or secondary capture",
        lambda h: h.sop_class.startswith(_SECONDARY_CAPTURE_CLASSES) or not _SCREENS.isdisjoint(h.image_type),
    ),
    ("localizer", _is_localizer),
    ("colour picture", lambda h: h.samples_per_pixel != 1 or h.photometric not in {"", "MONOCHROME1", "MONOCHROME2"}),
    ("perfusion map", _is_perfusion_map),
    ("no image", lambda h: not (h.rows and h.columns)),
    ("values that are not HU", lambda h: h.rescale_type not in {"", "HU", "US"}),
    (NO_FRAME_PLACES, lambda h: h.frames > 1 and None in (h.position, h.orientation, h.pixel_mm)),
    (NO_PLACE, lambda h: None in (h.position, h.orientation, h.pixel_mm)),
    (NO_SPACING, lambda h: min(h.pixel_mm or (0,)) <= 0),
)


def why_left_out(header: Header) -> str:
    """The reason why this object is not a slice of a CT volume; empty if it is one."""
    other = _OTHER_CLASSES.get(header.sop_class) or _OTHER_MODALITIES.get(header.modality)
    if other:
        return other
    is_ct = header.modality == "CT" or (not header.modality and header.sop_class == CT_IMAGE_CLASS)
    for reason, applies in _RULES:
        if applies(header):
            return reason
    return "" if is_ct else f"{header.modality or 'object without modality'}, not CT"
