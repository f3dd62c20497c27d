"""Read a series into a Scan, so that the first slice can be shown before the rest is read."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom import geometry
from ihd_core.dicom.kinds import left_out_warnings
from ihd_core.dicom.nifti import volume
from ihd_core.dicom.series import Series, find_series
from ihd_core.dicom.series_details import series_details
from ihd_core.dicom.series_uids import uid_of
from ihd_core.dicom.slice_filling import SliceFiller
from ihd_core.dicom.value_checks import copy_warnings, tissue_warnings, unreadable_warnings, value_warnings
from ihd_core.errors import DicomError
from ihd_core.progress import Report, silent
from ihd_core.scan import Scan, ScanWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from ihd_core.dicom.headers import Header

LARGEST_VOLUME = 8 << 30
"""Bytes of HU; 16,000 slices of 512 x 512."""


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """The first slice that was read, before the rest.

    Attributes:
        scan: of this one slice, with the geometry and the warnings that the headers gave.
        slice_index: its place in the whole series.
        slice_count: of the whole series.
    """

    scan: Scan
    slice_index: int
    slice_count: int


class ScanReader:
    """Fills a volume slice by slice, in the order in which the slices are wanted.

    A slice that cannot be read leaves no black picture behind: it is left out of the Scan, which says so. Nothing but a
    copy of it takes its place. Every slice is read once, also where several iterators of slices() are at work.

    Raises:
        DicomError: the volume does not fit into memory.
    """

    def __init__(self, series: Series, *, repair: bool = True) -> None:
        self.series = series
        self._repair = repair
        first = series.stack.headers[0]
        size = f"{series.slice_count} × {first.rows} × {first.columns} pixels"
        limit = f"at most {LARGEST_VOLUME >> 30} GiB are read"
        if 2 * series.slice_count * first.rows * first.columns > LARGEST_VOLUME:
            raise DicomError(f"{first.file.name}: {size} of this series do not fit into memory ({limit})")
        try:
            self._hu = np.empty((series.slice_count, first.rows, first.columns), np.int16)
        except MemoryError as error:
            raise DicomError(f"{first.file.name}: {size} of this series do not fit into memory") from error
        self._filler = SliceFiller(series.stack, self._hu, repair=repair)
        self._headers, self._opened = self._filler.headers, self._filler.opened
        self._given = np.zeros(series.slice_count, bool)  # a thread may have read what nobody waited for any more

    def slices(self, start: int | None = None) -> Iterator[tuple[int, NDArray[np.int16]]]:
        """Read what has not been given yet.

        Args:
            start: slice to read first, by default the one in the middle; the others follow from the nearest on.

        Yields:
            slice_index and its (rows, columns) HU, read-only; slices that cannot be read are passed over.

        Raises:
            DicomError: no slice of the series can be read; the reason is that of the first.
        """
        middle = self.series.slice_count // 2 if start is None else start
        order = sorted(range(self.series.slice_count), key=lambda i: (abs(i - middle), i))
        wanted = [index for index in order if not self._given[index] and index not in self._filler.failures]
        try:
            with closing(self._filler.each(wanted)) as filled:
                for index in filled:
                    if self._filler.is_read[index]:
                        self._given[index] = True
                        hu = self._hu[index]
                        hu.flags.writeable = False
                        yield index, hu
        finally:
            self._opened.close()
        if not self._filler.is_read.any():
            raise next(iter(self._filler.failures.values()))

    def _slice_uid(self, header: Header) -> str:
        """SOPInstanceUID; one from the slice's place where the files have none that tells slices apart."""
        if header.sop_uid not in self._filler.shared_uids:
            return header.sop_uid
        return uid_of(f"{self.series.uid}|{header.sop_uid}|{header.position}")

    def preview(self, slice_index: int) -> Preview:
        """One slice as a Scan of its own.

        Raises:
            DicomError: it cannot be read.
        """
        self._filler.fill(slice_index)
        if slice_index in self._filler.failures:
            raise self._filler.failures[slice_index]
        return Preview(self._scan(self.series.stack, [slice_index]), slice_index, self.series.slice_count)

    def scan(self) -> Scan:
        """The whole Scan; what slices() has not given yet is read now.

        Raises:
            DicomError: no slice of the series can be read; the reason is that of the first.
        """
        for _ in self.slices():
            pass
        stack = self.series.stack
        indices = [int(index) for index in np.flatnonzero(self._filler.is_read)]
        if self._filler.failures:
            stack = replace(geometry.stack([self._headers[i] for i in indices]), repeated=stack.repeated)
        scan = self._scan(stack, indices)
        if self._headers[indices[0]].volume is None:
            return replace(scan, warnings=(*scan.warnings, *tissue_warnings(scan.hu)))
        warnings, refusal = volume.value_findings(scan.hu, self._opened.not_numbers)
        told = _refusal_warnings(refusal) if refusal and not scan.refusal else []
        return replace(scan, warnings=(*told, *scan.warnings, *warnings), refusal=scan.refusal or refusal)

    def _scan(self, stack: geometry.Stack, indices: Sequence[int]) -> Scan:
        """A Scan of some slices of the series; stack gives spacing and warnings."""
        headers = [self._headers[index] for index in indices]
        whole = len(indices) == len(self._hu)
        failed = dict(self._filler.failures)  # which may grow in the meantime
        below = {index: int(np.searchsorted(indices, index)) - 1 for index in failed}
        failures = [(str(error), below[index]) for index, error in sorted(failed.items())]
        copies = [
            (place, self._headers[index], str(self._filler.replaced[index]))
            for place, index in enumerate(indices)
            if index in self._filler.replaced
        ]
        known = [header for index, header in enumerate(self._headers) if index not in failed]
        return Scan(
            hu=self._hu if whole else self._hu[list(indices)],
            spacing_mm=stack.spacing_mm,
            orientation=stack.orientation.copy(),
            positions_mm=self.series.stack.positions_mm[list(indices)],
            uid=self.series.uid,
            slice_uids=tuple(self._slice_uid(header) for header in headers),
            source=self.series.source,
            warnings=(
                *_refusal_warnings(self.series.refusal),
                *unreadable_warnings([*failures, *((reason, None) for reason in self.series.damaged)]),
                *copy_warnings(copies),
                *left_out_warnings(self.series.left_out),
                *geometry.geometry_warnings(stack),
                *value_warnings(known, repair=self._repair, cut_slices=self._opened.cut_slices),
            ),
            details=series_details(known),
            refusal=self.series.refusal,
        )


def _refusal_warnings(refusal: str) -> list[ScanWarning]:
    return [ScanWarning("not-predicted", f"Not predicted. {refusal}")] if refusal else []


def load_scan(
    source: Series | Path | Sequence[Path],
    *,
    repair: bool = True,
    report: Report = silent,
    first: Callable[[Preview], None] | None = None,
) -> Scan:
    """Read one series, or the best one among some files and folders.

    Args:
        source: a series from find_series, or where to look for one.
        repair: undo the wrap-around of the RSNA set where needs_repair() tells of it; the Scan says so.
        report: called before every slice and at the end; may raise Cancelled.
        first: called once, with the first slice that was read.

    Raises:
        NotDicom: the only file given is something else.
        NoHeadCt: there is no CT slice that can be shown.
        DicomError: no slice of the series can be read.
    """
    if not isinstance(source, Series):
        source = find_series([source] if isinstance(source, Path) else source).series[0]
    reader = ScanReader(source, repair=repair)
    report(0, source.slice_count)
    for done, (index, _) in enumerate(reader.slices(), start=1):
        if first and done == 1:
            first(reader.preview(index))
        report(done, source.slice_count)
    return reader.scan()
