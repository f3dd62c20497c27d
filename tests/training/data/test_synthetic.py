"""Phantoms in RSNA 2019's format, read back with pydicom and compared with the phantoms themselves."""

import csv
import functools
import re
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pydicom
import pytest

import ihd_core.phantom.phantom
from ihd_core.dicom.reader import load_scan
from ihd_core.dicom.series import find_series
from ihd_core.errors import Cancelled, FileError
from ihd_core.labels import LABELS, SUBTYPES
from training.config import RunConfig, SyntheticConfig
from training.data.synthetic import phantom_seed, write_synthetic
from training.run_folder import RunFolder

ELEMENTS = [
    *("SOPInstanceUID", "Modality", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "StudyID"),
    *("ImagePositionPatient", "ImageOrientationPatient", "SamplesPerPixel", "PhotometricInterpretation"),
    *("Rows", "Columns", "PixelSpacing", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("WindowCenter", "WindowWidth", "RescaleIntercept", "RescaleSlope", "PixelData"),
]
"""Of a header of the set, as people print it; no dates, no names, no slice thickness, no SOPClassUID."""

SCANS, UNLABELLED, SIZE, SEED = 12, 2, 48, 3

few_slices = functools.partial(ihd_core.phantom.phantom.phantom_scan, slices=6)
"""Phantoms that are drawn quickly."""


def started(path, **synthetic):
    wanted = {"scans": SCANS, "unlabelled": UNLABELLED, "size": SIZE, **synthetic}
    return RunFolder(path, replace(RunConfig(), seed=SEED, synthetic=SyntheticConfig(**wanted)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    run = started(tmp_path_factory.mktemp("synthetic") / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ihd_core.phantom.phantom.phantom_scan", few_slices)
        write_synthetic(run, processes=1)
    return run.folder("synthetic")


@pytest.fixture(scope="module")
def phantoms():
    return [few_slices(phantom_seed(SEED, 0, number), size=SIZE) for number in range(SCANS)]


@pytest.fixture(scope="module")
def files(folder):
    found = {}
    with pydicom.config.disable_value_validation():  # the set's UIDs are none
        for path in sorted((folder / "stage_2_train").iterdir()):
            found[path.stem] = pydicom.dcmread(path)
            assert [element.keyword for element in found[path.stem]] == ELEMENTS
    return found


@pytest.fixture(scope="module")
def series(folder):
    return find_series([folder / "stage_2_train"]).series


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_every_file_has_the_elements_of_the_set_and_no_others(files):
    for name, file in files.items():
        assert [element.keyword for element in file] == ELEMENTS
        assert file.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2"
        assert file.SOPInstanceUID == name
        assert file.Modality == "CT"
        assert (file.Rows, file.Columns, file.BitsAllocated) == (SIZE, SIZE, 16)


def test_names_look_like_those_of_the_set(files):
    for file in files.values():
        assert re.fullmatch("ID_[0-9a-f]{9}", file.SOPInstanceUID)
        assert re.fullmatch("ID_[0-9a-f]{8}", file.PatientID)
        assert re.fullmatch("ID_[0-9a-f]{10}", file.StudyInstanceUID)
        assert re.fullmatch("ID_[0-9a-f]{10}", file.SeriesInstanceUID)
    scans_of = Counter(patient for patient, _ in {(f.PatientID, f.SeriesInstanceUID) for f in files.values()})
    assert set(scans_of.values()) == {1, 2}
    assert sum(scans_of.values()) == SCANS


def test_there_are_several_ways_to_store_hu_one_of_them_the_known_fault(files):
    ways = {(f.BitsStored, f.PixelRepresentation, int(f.RescaleIntercept)) for f in files.values()}
    assert {(16, 1, -1024), (12, 0, 0)} <= ways
    assert {f.WindowCenter if f["WindowCenter"].VM == 1 else "several" for f in files.values()} >= {"several", 40}


def test_the_reader_gives_the_hu_of_the_phantoms_back(series, phantoms):
    """Only 12 bits lose something: they hold no HU below -1024, such as padding, nor below -1000 where they wrap."""
    scans = sorted((load_scan(one) for one in series), key=lambda scan: float(scan.positions_mm[0] @ [1, 10, 100]))
    drawn = sorted(phantoms, key=lambda phantom: float(phantom.scan.positions_mm[0] @ [1, 10, 100]))
    repaired = 0
    for scan, phantom in zip(scans, drawn, strict=True):
        wraps = any(warning.code == "rsna-repair" for warning in scan.warnings)
        repaired += wraps
        lowest = -1000 if wraps else -1024 if scan.hu.min() == -1024 else -(2**15)
        np.testing.assert_array_equal(scan.hu, np.maximum(phantom.scan.hu, lowest))
        np.testing.assert_allclose(scan.positions_mm, phantom.scan.positions_mm, atol=1e-6)
        np.testing.assert_allclose(scan.spacing_mm, phantom.scan.spacing_mm, rtol=1e-5)
    assert repaired


def test_the_program_would_read_every_scan(series):
    assert len(series) == SCANS
    assert not any(one.refusal for one in series)


def test_labels_are_the_truth_of_the_phantoms_six_rows_a_slice_and_some_of_them_twice(folder, phantoms):
    head, *rows = rows_of(folder / "stage_2_train.csv")
    assert head == ["ID", "Label"]
    given = dict(rows)
    assert len(rows) == len(given) + 6 * 4
    assert [name.rpartition("_")[2] for name, _ in rows] == list(LABELS) * (len(rows) // 6)
    expected = Counter()
    for phantom in phantoms:
        for row in zip(phantom.truth.ravel(), phantom.faint.ravel(), strict=True):
            assert not all(row), "what can be seen is not faint"
        known = np.where(phantom.faint, "", phantom.truth.astype(int).astype(str))
        expected.update(map(tuple, known.tolist()))
    assert any("" in row for row in expected)
    slices = {name.rpartition("_")[0] for name in given}
    found = Counter(tuple(given[f"{name}_{label}"] for label in LABELS) for name in slices)
    assert found == expected
    assert slices == {path.stem for path in (folder / "stage_2_train").iterdir()}


def test_masks_are_those_of_the_phantoms_and_only_slices_with_one_have_a_file(folder, phantoms):
    expected = Counter()
    for phantom in phantoms:
        for index in range(len(phantom.scan)):
            marked = tuple(int(phantom.masks[label][index].sum()) for label in SUBTYPES)
            expected[marked] += any(marked)
    found = Counter()
    for path in (folder / "masks").iterdir():
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert mask.shape == (SIZE, SIZE)
        found[tuple(int((mask >> bit & 1).sum()) for bit in range(5))] += 1
    assert found == +expected
    assert {path.stem for path in (folder / "masks").iterdir()} <= {
        p.stem for p in (folder / "stage_2_train").iterdir()
    }


def test_the_sample_submission_asks_for_every_slice_of_the_test_set(folder):
    head, *rows = rows_of(folder / "stage_2_sample_submission.csv")
    assert head == ["ID", "Label"]
    test_set = [path.stem for path in (folder / "stage_2_test").iterdir()]
    assert sorted(name for name, _ in rows) == sorted(f"{name}_{label}" for name in test_set for label in LABELS)
    assert {value for _, value in rows} == {"0.5"}


def test_no_phantom_is_used_twice():
    seeds = [phantom_seed(run, one, number) for run in (0, 1, 2) for one in (0, 1) for number in (0, 1, 999_999)]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= 1_000_000


def contents(run):
    folder = run.path / "synthetic"
    files = (path for path in folder.rglob("*") if path.suffix in {".dcm", ".csv", ".png"})
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_what_was_stopped_goes_on_and_ends_in_the_same_files(tmp_path, monkeypatch):
    monkeypatch.setattr("ihd_core.phantom.phantom.phantom_scan", few_slices)
    whole, run = (started(tmp_path / name, scans=3, unlabelled=1, size=32) for name in ("whole", "run"))
    write_synthetic(whole, processes=1)

    def stop(done, _total):
        if done == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        write_synthetic(run, processes=1, report=stop)
    assert not run.is_done("synthetic")
    seen = []
    write_synthetic(run, processes=1, report=lambda done, total: seen.append((done, total)))
    assert seen[0] == (2, 4)
    assert seen[-1] == (4, 4)
    assert contents(run) == contents(whole)
    before = {path: path.stat().st_mtime_ns for path in (run.path / "synthetic").rglob("*")}
    write_synthetic(run, processes=1)
    assert {path: path.stat().st_mtime_ns for path in (run.path / "synthetic").rglob("*")} == before


@pytest.mark.parametrize("wrong", [{"scans": 0}, {"scans": -3}, {"unlabelled": -1}, {"size": 31}])
def test_numbers_that_make_no_phantoms_are_refused_before_anything_is_written(tmp_path, wrong):
    run = started(tmp_path, **wrong)
    ((name, value),) = wrong.items()
    with pytest.raises(FileError, match=f"synthetic.{name} is {value}"):
        write_synthetic(run, processes=1)
    assert not (tmp_path / "synthetic").exists()
