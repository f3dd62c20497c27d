"""Scan: one head CT volume in HU with its geometry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ihd_core.windowing import Window


PART = "#"
"""Ends the SeriesInstanceUID in the uid of a further stack of one series; no character of a DICOM UID."""


@dataclass(frozen=True, slots=True)
class ScanWarning:
    """What a reader must know about a scan before trusting it.

    Attributes:
        code: stable and short, for files and tests: "gantry-tilt".
        text: one sentence with the values, for the reader.
        values: the numbers behind the sentence, for files.
    """

    code: str
    text: str
    values: Mapping[str, float] = field(default_factory=dict)


WITHHOLDING = ("not-a-head", "part-of-a-head")
"""Codes of warnings with which nothing is said of the scan or of its slices, whatever the numbers are."""


def withheld_reason(warnings: Sequence[ScanWarning]) -> str:
    """Why no result may be given of a scan that has these warnings, one sentence; empty where one may."""
    return next((warning.text for warning in warnings if warning.code in WITHHOLDING), "")


@dataclass(frozen=True, slots=True)
class ScanDetails:
    """What the corners of the picture say; empty text where the files do not tell.

    Attributes:
        study_date: as in DICOM, YYYYMMDD.
        thickness_mm: nominal slice thickness; 0 where unknown.
        kvp: kV; 0 where unknown.
    """

    patient_name: str = ""
    patient_id: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    patient_age: str = ""
    study_uid: str = ""
    study_date: str = ""
    study_description: str = ""
    series_number: str = ""
    series_description: str = ""
    institution: str = ""
    scanner: str = ""
    kernel: str = ""
    thickness_mm: float = 0.0
    kvp: float = 0.0
    contrast_agent: str = ""
    lossy: bool = False
    default_window: Window | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """One head CT volume, resampled to nothing.

    Attributes:
        hu: int16 (slices, rows, columns), Hounsfield units, inferior slice first; read-only.
        spacing_mm: (slice, row, column). The first is the median distance between neighbouring slices along the
            normal; the second is the distance between neighbouring rows (down the picture), the third between
            neighbouring columns, as in DICOM (0028,0030).
        orientation: float64 (3, 3) in patient axes LPS (x to the patient's left, y to posterior, z to superior): unit
            vectors along a row of pixels (increasing column), down a column of pixels (increasing row), and the normal
            along which the slices are ordered, inferior to superior. The normal is the cross product of the first two
            or its negative. Rows follow DICOM (0020,0037).
        positions_mm: float64 (slices, 3), LPS; centre of the first pixel of every slice, DICOM (0020,0032).
        uid: SeriesInstanceUID, followed by PART and digits for a further stack of one series; slice_uids:
            SOPInstanceUID of every slice, in order.
        source: the path the reader was given.
        warnings: in the order in which a reader should read them.
        refusal: why the network does not get this scan, one sentence; empty if it may.
    """

    hu: NDArray[np.int16]
    spacing_mm: tuple[float, float, float]
    orientation: NDArray[np.float64]
    positions_mm: NDArray[np.float64]
    uid: str
    slice_uids: tuple[str, ...]
    source: str = ""
    warnings: tuple[ScanWarning, ...] = ()
    details: ScanDetails = field(default_factory=ScanDetails)
    refusal: str = ""

    def __post_init__(self) -> None:
        for array in (self.hu, self.orientation, self.positions_mm):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.hu)

    @property
    def series_uid(self) -> str:
        """SeriesInstanceUID alone, which several stacks may share."""
        return self.uid.partition(PART)[0]

    def place_mm(self, slice_index: int, row: float, column: float) -> NDArray[np.float64]:
        """Where the centre of a pixel lies in the patient, (3,), LPS, mm.

        Source:
            DICOM PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1.
        """
        along_row, down_column, _ = self.orientation
        _, rows_mm, columns_mm = self.spacing_mm
        place: NDArray[np.float64] = (
            self.positions_mm[slice_index] + along_row * columns_mm * column + down_column * rows_mm * row
        )
        return place

    @property
    def heights_mm(self) -> NDArray[np.float64]:
        """Position of every slice along the normal, (slices,), increasing, mm."""
        heights: NDArray[np.float64] = self.positions_mm @ self.orientation[2]
        return heights
