"""The stage index on the layouts beside RSNA's, and on real files."""

import csv

import numpy as np
import pytest

from ihd_core.dicom.series import find_series
from ihd_core.phantom.series_writer import write_series
from training.config import RunConfig
from training.data.index import load_index, make_index
from training.data.slice_table import UNKNOWN
from training.data.sources import Sources
from training.run_folder import RunFolder

U = UNKNOWN
HEAD = "name,Category," + ",".join(
    ",".join(f"R{reader}:{finding}" for finding in ("ICH", "IPH", "IVH", "SDH", "EDH", "SAH")) for reader in (1, 2, 3)
)
SUBDURAL, NONE = ",".join(["1,0,0,1,0,0"] * 3), ",".join(["0,0,0,0,0,0"] * 3)


def problems_of(run):
    with (run.path / "index" / "problems.csv").open(newline="") as file:
        return [(row["kind"], row["file_or_id"]) for row in csv.DictReader(file)]


def write_scan(folder, count=5, *, seed=1, **tags):
    hu = np.random.default_rng(seed).integers(0, 80, (count, 8, 8)).astype(np.int16)
    return write_series(folder, hu, tags=tags)


@pytest.fixture
def images(tmp_path):
    return tmp_path / "images"


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path / "run", RunConfig())


def indexed(run, layout, images, *lines, **options):
    labels = images.parent / "labels.csv"
    labels.write_text("\n".join(lines) + "\n")
    make_index(run, Sources(layout, (images,), labels), processes=1, **options)
    return load_index(run)


def test_labels_of_a_study_are_of_its_scan_and_of_no_slice(run, images):
    """CQ500's folders: the study twice in a name, then the series; PatientID as in the table."""
    write_scan(images / "CQ500CT1 CQ500CT1" / "Unknown Study" / "CT PLAIN", PatientID="CQ500-CT-1")
    write_scan(images / "CQ500CT2 CQ500CT2" / "Unknown Study" / "CT PLAIN", seed=2, PatientID="anonymous")
    table = indexed(run, "cq500", images, HEAD, f"CQ500-CT-1,B1,{SUBDURAL}", f"CQ500-CT-2,B1,{NONE}")
    assert (table.truth == U).all()
    first = np.char.startswith(table.files, "CQ500CT1")
    assert table.scan_truth[first].tolist() == [[0, 0, 0, 0, 1, 1]] * 5
    assert table.scan_truth[~first].tolist() == [[0] * 6] * 5
    assert problems_of(run) == []
    assert "| Any | - | 1 |" in (run.path / "index" / "table1.md").read_text()


def test_of_a_labelled_study_the_scan_that_the_program_shows_is_kept(run, images):
    study = {"PatientID": "CQ500-CT-1", "StudyInstanceUID": "1.2.3"}
    write_scan(images / "bone", 9, ConvolutionKernel="H70h", SeriesDescription="BONE", **study)
    write_scan(images / "plain", 9, seed=2, ConvolutionKernel="H31s", SeriesDescription="HEAD PLAIN", **study)
    table = indexed(run, "cq500", images, HEAD, f"CQ500-CT-1,B1,{SUBDURAL}", problems="refuse")
    best = find_series([images]).series[0]
    assert set(table.scans.tolist()) == {best.uid}
    ((kind, where),) = problems_of(run)
    assert kind == "further-series"
    assert where.split("/")[0] not in {file.split("/")[0] for file in table.files.tolist()}


def test_studies_without_labels_and_labels_without_studies_are_named(run, images):
    files = write_scan(images / "CQ500CT7", PatientID="CQ500-CT-7")
    write_scan(images / "CQ500CT8", seed=2, PatientID="CQ500-CT-8")
    table = indexed(run, "cq500", images, HEAD, f"CQ500-CT-8,B1,{NONE}", f"CQ500-CT-9,B1,{NONE}")
    assert problems_of(run) == [
        ("label-without-image", "cq500ct9"),
        ("image-without-label", files[0].relative_to(images).as_posix()),
    ]
    assert len(table) == 10


@pytest.mark.parametrize("column", ["SOPInstanceUID", "id", "file", "path"])
def test_a_row_of_a_slice_finds_its_file(run, images, column):
    files = write_scan(images / "one", 3) + write_scan(images / "two", 3, seed=2)
    wanted = files[4]
    names = {"file": "two/002.dcm", "path": "two\\002.dcm"}
    if column not in names:
        from pydicom import dcmread

        names[column] = dcmread(wanted).SOPInstanceUID
    table = indexed(run, "csv", images, f"{column},SDH,any", f"{names[column]},1,1")
    row = table.files.tolist().index("two/002.dcm")
    assert table.truth[row].tolist() == [U, U, U, U, 1, 1]
    assert (np.delete(table.truth, row, axis=0) == U).all()
    assert [kind for kind, _ in problems_of(run)] == ["image-without-label"] * 5


def test_a_name_that_two_files_have_labels_neither(run, images):
    write_scan(images / "one", 2)
    write_scan(images / "two", 2, seed=2)
    table = indexed(run, "csv", images, "file,any", "001.dcm,1", "one/002.dcm,1", "two/002.dcm,0")
    assert problems_of(run) == [("name-of-two-files", "one/001.dcm"), ("name-of-two-files", "two/001.dcm")]
    known = dict(zip(table.files.tolist(), table.truth[:, 5].tolist(), strict=True))
    assert known == {"one/001.dcm": U, "one/002.dcm": 1, "two/001.dcm": U, "two/002.dcm": 0}


def test_a_label_of_a_file_that_is_left_out_is_not_without_an_image(run, images):
    files = write_scan(images, 3)
    files[0].write_bytes(files[0].read_bytes()[:-5])
    indexed(run, "csv", images, "file,any", "001.dcm,1", "002.dcm,0", "003.dcm,0", "004.dcm,0")
    assert problems_of(run) == [("truncated", "001.dcm"), ("label-without-image", "004.dcm")]


def test_a_row_of_a_series_labels_the_scan_and_no_slice(run, images):
    from pydicom import dcmread

    uid = dcmread(write_scan(images / "one", 3)[0]).SeriesInstanceUID
    write_scan(images / "two", 3, seed=2)
    table = indexed(run, "csv", images, "SeriesInstanceUID,EDH,IPH,IVH,SAH,SDH", f"{uid},0,0,1,0,0")
    assert (table.truth == U).all()
    assert table.scan_truth[table.series == uid].tolist() == [[0, 0, 1, 0, 0, 1]] * 3
    assert (table.scan_truth[table.series != uid] == U).all()
    assert [kind for kind, _ in problems_of(run)] == ["image-without-label"]


def test_scans_that_the_program_does_not_predict_are_named_and_left_out(run, images):
    turned = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    hu = np.random.default_rng(3).integers(0, 80, (6, 8, 8)).astype(np.int16)
    coronal = write_series(images / "coronal", hu, orientation=turned)
    write_scan(images / "axial")
    make_index(run, Sources("csv", (images,)), processes=1)
    assert {file.split("/")[0] for file in load_index(run).files.tolist()} == {"axial"}
    assert problems_of(run) == [("not-predicted", file.relative_to(images).as_posix()) for file in coronal]


def test_without_labels_every_slice_is_unlabelled_and_that_is_no_problem(run, images):
    write_scan(images)
    make_index(run, Sources("csv", (images,)), processes=1, problems="refuse")
    assert (load_index(run).truth == U).all()
    assert (load_index(run).scan_truth == U).all()


@pytest.mark.parametrize("folder", ["head_ct", "geometry_failures", "transfer_syntaxes"])
def test_scans_of_real_files_are_those_that_the_program_opens(run, shared_data, folder):
    place = shared_data / folder
    shown = {}
    for one in find_series([place]).series:
        files = [file.path.relative_to(place).as_posix() for file in one.files]
        if not one.refusal and all(header.frames == 1 and header.volume is None for header in one.stack.headers):
            shown[one.uid] = files
    make_index(run, Sources("csv", (place,)), processes=1)
    table = load_index(run)
    found = {uid: table.files[table.scans == uid].tolist() for uid in set(table.scans.tolist())}
    assert found == shown
    named = {where for _, where in problems_of(run)}
    every = {file.relative_to(place).as_posix() for file in place.rglob("*") if file.is_file()}
    assert named | set(table.files.tolist()) == every, "nothing is dropped in silence"
