"""Phantoms on disk: DICOM with the same HU, a table of the truth, masks."""

from __future__ import annotations

import csv
import functools
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from ihd_core.dicom.reader import load_scan
from ihd_core.dicom.series import find_series
from ihd_core.errors import Cancelled, FileError
from ihd_core.labels import DISPLAY_ORDER, SUBTYPES, Label
from ihd_core.phantom import studies
from ihd_core.phantom.phantom import phantom_scan
from ihd_core.phantom.studies import write_studies, write_study

WANTED = [Label.INTRAPARENCHYMAL]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("phantoms") / "out"
    write_studies(out, scans=2, seed=7, labels=WANTED, size=64, slices=8)
    return out


@functools.cache
def phantom(seed):
    return phantom_scan(seed, labels=WANTED, size=64, slices=8)


@pytest.mark.parametrize(("folder", "seed"), [("001", 7), ("002", 8)])
def test_the_files_hold_the_phantoms_hounsfield_units_and_geometry(written, folder, seed):
    expected = phantom(seed).scan
    files = {str(one.SOPInstanceUID): one for one in map(pydicom.dcmread, (written / folder).glob("*.dcm"))}
    assert sorted(files) == sorted(expected.slice_uids)
    for uid, hu, position in zip(expected.slice_uids, expected.hu, expected.positions_mm, strict=True):
        one = files[uid]
        assert np.array_equal(one.pixel_array * float(one.RescaleSlope) + float(one.RescaleIntercept), hu)
        assert np.allclose([float(v) for v in one.ImagePositionPatient], position, atol=1e-3)
        assert one.SeriesInstanceUID == expected.uid
        assert one.PatientName == f"PHANTOM^{seed:04d}"


@pytest.mark.parametrize(("padding", "stored"), [(-3024, -2000), (-2000, -976), (-1024, None), (-1000, None)])
def test_padding_below_what_a_scanner_measures_is_stored_signed_and_announced(tmp_path, monkeypatch, padding, stored):
    """As GE does it: -2000 stored with intercept -1024. The reader shows it as air."""
    drawn = phantom_scan(1, labels=[], size=32, slices=2)
    hu = np.clip(drawn.scan.hu, -1000, None)
    hu[:, 0, :3] = padding
    padded = replace(drawn, scan=replace(drawn.scan, hu=hu))
    monkeypatch.setattr(studies, "phantom_scan", lambda *_, **__: padded)
    write_study(tmp_path, 1)
    files = [pydicom.dcmread(path) for path in sorted(tmp_path.glob("*.dcm"))]
    for file, slice_hu in zip(files, hu, strict=True):
        assert np.array_equal(file.pixel_array.astype(int) + int(file.RescaleIntercept), slice_hu)
        assert file.PixelRepresentation == (stored is not None)
        assert file.get("PixelPaddingValue") == stored
    (series,) = find_series([tmp_path]).series
    expected = np.where(hu < -1024, -1024, hu)
    assert np.array_equal(load_scan(series).hu, expected)


def test_uids_are_valid(written):
    one = pydicom.dcmread(next((written / "001").glob("*.dcm")))
    for uid in (one.SOPInstanceUID, one.SeriesInstanceUID, one.StudyInstanceUID):
        assert pydicom.uid.UID(uid).is_valid
        assert uid.startswith("2.25.")


def test_the_table_holds_one_row_a_slice_any_first(written):
    with (written / "truth.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "series_uid", "sop_uid", "index",
        "any", "epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural",
    ]  # fmt: skip
    expected = [phantom(seed) for seed in (7, 8)]
    assert [row["sop_uid"] for row in rows] == [uid for one in expected for uid in one.scan.slice_uids]
    for label in DISPLAY_ORDER:
        truth = np.concatenate([one.truth[:, label.column] for one in expected])
        assert [int(row[label]) for row in rows] == truth.astype(int).tolist()


def test_the_masks_have_the_shape_of_the_scan(written):
    expected = phantom(7)
    with np.load(written / "masks" / f"{expected.scan.uid}.npz") as masks:
        assert sorted(masks.files) == sorted(SUBTYPES)
        for label in SUBTYPES:
            assert masks[label].dtype == np.uint8
            assert np.array_equal(masks[label], expected.masks[label])


def test_a_destination_without_parent_is_one_line_for_the_reader(tmp_path):
    with pytest.raises(FileError, match="nowhere"):
        write_studies(tmp_path / "nowhere" / "out", scans=1, seed=1, size=32, slices=2)


def test_a_destination_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("not a folder")
    with pytest.raises(FileError, match="out"):
        write_studies(tmp_path / "out", scans=1, seed=1, size=32, slices=2)


def test_writing_can_be_stopped(tmp_path):
    def stop(done: int, total: int) -> None:
        if done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_studies(tmp_path / "out", scans=3, seed=1, labels=[], size=32, slices=2, report=stop)
    assert not (tmp_path / "out" / "truth.csv").exists()
