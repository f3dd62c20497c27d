"""Write phantoms as folders of DICOM files with a table of the truth and the masks beside them."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.files import file_errors, make_folder, write_atomically
from ihd_core.labels import DISPLAY_ORDER
from ihd_core.phantom.phantom import Phantom, phantom_scan
from ihd_core.phantom.scanner import LOWEST_HU
from ihd_core.phantom.series_writer import write_series
from ihd_core.progress import Report, silent

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from ihd_core.labels import Label

_INTERCEPT = -1024

TRUTH_COLUMNS = ("series_uid", "sop_uid", "index", *(str(label) for label in DISPLAY_ORDER))


def write_study(
    folder: Path,
    seed: int,
    labels: Collection[Label] | None = None,
    *,
    size: int = 512,
    slices: int | None = None,
) -> Phantom:
    """Make a phantom and write it as one DICOM series into folder; arguments as for phantom_scan.

    Stored values are unsigned, HU + 1024. Where the scanner pads with fewer HU than it measures, they are signed and
    the file says which of them is padding, as scanners that pad so do (PixelPaddingValue, PS3.3 C.7.5.1.1.2).

    Raises:
        FileError: the folder cannot be created or written.
    """
    phantom = phantom_scan(seed, labels=labels, size=size, slices=slices)
    scan = phantom.scan
    tags = {
        "PatientName": scan.details.patient_name,
        "PatientID": scan.details.patient_id,
        "StudyInstanceUID": scan.details.study_uid,
        "StudyDescription": scan.details.study_description,
        "SeriesDescription": scan.details.series_description,
        "SliceThickness": f"{scan.details.thickness_mm:.3f}",
    }
    lowest = int(scan.hu.min())
    is_padded = lowest < LOWEST_HU
    write_series(
        folder,
        scan.hu,
        intercept=_INTERCEPT,
        signed=is_padded,
        padding=lowest - _INTERCEPT if is_padded else None,
        spacing_mm=scan.spacing_mm,
        orientation=scan.orientation,
        positions_mm=scan.positions_mm,
        series_uid=scan.uid,
        slice_uids=scan.slice_uids,
        tags=tags,
    )
    return phantom


def write_studies(
    out: Path,
    *,
    scans: int,
    seed: int,
    labels: Collection[Label] | None = None,
    size: int = 512,
    slices: int | None = None,
    report: Report = silent,
) -> None:
    """Write OUT/001, OUT/002, ... as DICOM, OUT/truth.csv and OUT/masks/SERIESUID.npz.

    Args:
        out: created if its parent is there.
        scans: how many; scan i has the seed `seed + i`.
        seed: of the first scan.
        labels: of every scan, as for phantom_scan.
        size: rows and columns.
        slices: of every scan.
        report: called once a scan.

    Raises:
        FileError: out is missing a parent, read-only, or the disk is full.
    """
    if not out.parent.is_dir():
        with file_errors(out, "cannot be created"):
            raise FileNotFoundError(2, "No such file or directory")
    masks = make_folder(make_folder(out) / "masks")
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(TRUTH_COLUMNS)
    for index in range(scans):
        report(index, scans)
        phantom = write_study(out / f"{index + 1:03d}", seed + index, labels, size=size, slices=slices)
        rows.writerows(_truth_rows(phantom))
        packed = io.BytesIO()
        np.savez_compressed(packed, allow_pickle=False, **{str(label): mask for label, mask in phantom.masks.items()})
        write_atomically(masks / f"{phantom.scan.uid}.npz", packed.getvalue())
    write_atomically(out / "truth.csv", table.getvalue().encode())
    report(scans, scans)


def _truth_rows(phantom: Phantom) -> list[list[object]]:
    """One row a slice, in the order of TRUTH_COLUMNS."""
    scan = phantom.scan
    return [
        [scan.uid, uid, index, *(int(phantom.truth[index, label.column]) for label in DISPLAY_ORDER)]
        for index, uid in enumerate(scan.slice_uids)
    ]
