"""The stage index on small data sets in each layout, with every fault that the report names."""

import csv
import json
import shutil

import numpy as np
import pytest
from pydicom import config, dcmread
from pydicom.uid import RLELossless

from ihd_core.dicom.header_reader import HeaderReader
from ihd_core.dicom.series import find_series
from ihd_core.errors import Cancelled, FileError
from ihd_core.labels import LABELS
from ihd_core.phantom.series_writer import write_series
from training.config import RunConfig
from training.data import header_scan
from training.data.index import load_index, make_index
from training.data.slice_table import UNKNOWN
from training.data.sources import Sources, load_sources
from training.run_folder import RunFolder

ORDER = ("epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural", "any")
"""Of the six rows of one slice in stage_2_train.csv."""


class Challenge:
    """A data set in the form of RSNA 2019: a flat folder of ID_*.dcm and a table with six rows a slice."""

    def __init__(self, folder):
        self.folder = folder
        self.images = folder / "stage_2_train"
        self.images.mkdir(parents=True)
        self.labels = folder / "stage_2_train.csv"
        self.rows = []
        self.random = np.random.default_rng(1)
        self.slices = 0

    def add(self, series, count=5, *, patient="ID_p1", study="", shuffle=True, label=True, **options):
        """Write a scan; return its ids, inferior slice first."""
        ids = [f"ID_{self.slices + index:09d}" for index in range(count)]
        if shuffle:
            ids = self.random.permutation(ids).tolist()
        self.slices += count
        hu = self.random.integers(0, 80, (count, 8, 8)).astype(np.int16)
        tags = {
            "PatientID": patient,
            "StudyInstanceUID": (study or f"ID_t{series}").encode(),
            **options.pop("tags", {}),
        }
        with config.disable_value_validation():  # names of RSNA's are no UIDs
            files = write_series(
                self.folder / "written", hu, series_uid=f"ID_{series}", slice_uids=ids, tags=tags, **options
            )
        for name, file in zip(ids, files, strict=True):
            shutil.move(file, self.images / f"{name}.dcm")
        if label:
            self.label(ids)
        return ids

    def label(self, ids, values=(0, 0, 0, 0, 1, 1)):
        self.rows += [f"{name}_{label},{value}" for name in ids for label, value in zip(ORDER, values, strict=True)]

    def change(self, name, **tags):
        """Give a slice other values of some elements."""
        with config.disable_value_validation():
            dataset = dcmread(self.images / f"{name}.dcm")
            for keyword, value in tags.items():
                if value is None:
                    delattr(dataset, keyword)
                else:
                    setattr(dataset, keyword, value)
            dataset.save_as(self.images / f"{name}.dcm", enforce_file_format=True)

    def cut(self, name, share):
        file = self.images / f"{name}.dcm"
        content = file.read_bytes()
        file.write_bytes(content[: int(share * len(content))])

    def sources(self, **others):
        self.labels.write_text("\n".join(["ID,Label", *self.rows]) + "\n")
        return Sources("rsna", (self.images,), self.labels, **others)


@pytest.fixture
def challenge(tmp_path):
    return Challenge(tmp_path / "data")


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path / "run", RunConfig())


def problems_of(run):
    with (run.path / "index" / "problems.csv").open(newline="") as file:
        return [(row["kind"], row["file_or_id"]) for row in csv.DictReader(file)]


def truth_of(table, name):
    return table.truth[table.ids.tolist().index(name)].tolist()


def test_slices_are_in_order_from_below_whatever_they_are_called(challenge, run):
    first, second = challenge.add("a", 7), challenge.add("b", 4, patient="ID_p2")
    make_index(run, challenge.sources())
    table = load_index(run)
    of_series = {uid: table.ids[table.series == uid].tolist() for uid in ("ID_a", "ID_b")}
    assert of_series == {"ID_a": first, "ID_b": second}
    assert table.files.tolist() == [f"{name}.dcm" for name in table.ids]
    assert table.heights_mm[table.series == "ID_b"].tolist() == [-7.5, -2.5, 2.5, 7.5]
    assert set(zip(table.patients, table.studies, table.series, strict=True)) == {
        ("ID_p1", "ID_ta", "ID_a"),
        ("ID_p2", "ID_tb", "ID_b"),
    }
    assert problems_of(run) == []


def test_labels_reach_their_slices_and_scans(challenge, run):
    ids = challenge.add("a", 3, label=False)
    challenge.label(ids[:1], (0, 1, 0, 0, 0, 1))
    challenge.label(ids[1:2], (0, 0, 0, 1, 0, 1))
    challenge.label(ids[2:], (0, 0, 0, 0, 0, 0))
    make_index(run, challenge.sources())
    table = load_index(run)
    assert truth_of(table, ids[0]) == [0, 1, 0, 0, 0, 1]
    assert truth_of(table, ids[1]) == [0, 0, 0, 1, 0, 1]
    assert truth_of(table, ids[2]) == [0] * 6
    assert table.scan_truth.tolist() == [[0, 1, 0, 1, 0, 1]] * 3
    assert (run.path / "index" / "table1.md").read_text().splitlines()[2] == "| Any | 2 | 1 |"


def test_exact_duplicates_are_counted_and_no_problem(challenge, run):
    ids = challenge.add("a")
    challenge.label(ids[:2])
    make_index(run, challenge.sources(), problems="refuse")
    assert "12 rows repeat another row exactly" in (run.path / "index" / "report.txt").read_text()
    assert load_index(run).is_labelled().all()


@pytest.mark.parametrize(
    ("row", "kind", "columns"),
    [
        ("{}_subdural,2", "label-value", [4]),
        ("{}_subdural,0", "contradicting-labels", [4]),
        (None, "missing-label", [4]),
        ("{}_any,0", "any-contradicted", [4, 5]),
    ],
)
def test_what_a_label_leaves_open_is_unknown_and_named(challenge, run, row, kind, columns):
    ids = challenge.add("a")
    name = ids[2]
    if kind == "label-value" or row is None:
        challenge.rows.remove(f"{name}_subdural,1")
    if kind == "any-contradicted":
        challenge.rows.remove(f"{name}_any,1")
    if row:
        challenge.rows.append(row.format(name))
    make_index(run, challenge.sources())
    assert problems_of(run) == [(kind, name)]
    table = load_index(run)
    assert [i for i, value in enumerate(truth_of(table, name)) if value == UNKNOWN] == columns
    others = table.truth[table.ids != name]
    assert others.tolist() == [[0, 0, 0, 0, 1, 1]] * 4


def test_a_row_without_a_value_leaves_a_label_open_and_is_no_problem(challenge, run):
    """As phantoms have it of blood that is too faint to be seen."""
    name = challenge.add("a")[2]
    challenge.rows.remove(f"{name}_subdural,1")
    challenge.rows.append(f"{name}_subdural,")
    make_index(run, challenge.sources())
    assert problems_of(run) == []
    assert truth_of(load_index(run), name) == [0, 0, 0, 0, UNKNOWN, 1]


def test_a_scan_is_known_to_be_free_only_where_all_slices_are(challenge, run):
    ids = challenge.add("a", 3, label=False)
    challenge.label(ids[:2], (0, 0, 0, 0, 0, 0))
    make_index(run, challenge.sources())
    assert problems_of(run) == [("image-without-label", f"{ids[2]}.dcm")]
    table = load_index(run)
    assert table.scan_truth.tolist() == [[UNKNOWN] * 6] * 3
    assert truth_of(table, ids[2]) == [UNKNOWN] * 6


def test_labels_without_images_and_rows_of_other_forms_are_named(challenge, run):
    challenge.add("a")
    challenge.label(["ID_nowhere"])
    challenge.rows += ["ID_000000001_chronic,1", "what is this"]
    make_index(run, challenge.sources())
    assert problems_of(run) == [
        ("label-without-image", "ID_nowhere"),
        ("unknown-label", "row 38"),
        ("unreadable-row", "row 39"),
    ]


def test_every_fault_of_a_file_is_found_and_only_those_files_are_left_out(challenge, run):
    whole = challenge.add("whole", 6)
    faulty = challenge.add("faulty", 12)
    challenge.cut(faulty[1], 0.8)  # within the pixels
    challenge.cut(faulty[2], 0.3)  # within the header
    (challenge.images / f"{faulty[3]}.dcm").write_bytes(b"")
    (challenge.images / f"{faulty[4]}.dcm").write_bytes(b"no DICOM at all " * 100)
    challenge.change(faulty[5], ImagePositionPatient=None)
    challenge.change(faulty[6], Modality="MR")
    challenge.change(faulty[7], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    challenge.change(
        faulty[8], ImagePositionPatient=dcmread(challenge.images / f"{faulty[9]}.dcm").ImagePositionPatient
    )
    challenge.change(faulty[10], SOPInstanceUID="ID_other")
    (challenge.images / "notes.txt").write_text("not an image")
    make_index(run, challenge.sources())
    found = problems_of(run)
    repeated = next(where for kind, where in found if kind == "same-place")
    assert repeated in {f"{faulty[8]}.dcm", f"{faulty[9]}.dcm"}
    assert sorted(found) == sorted(
        [
            ("truncated", f"{faulty[1]}.dcm"),
            *(("unreadable", f"{faulty[i]}.dcm") for i in (2, 3, 4)),
            ("no-position", f"{faulty[5]}.dcm"),
            ("not-ct", f"{faulty[6]}.dcm"),
            ("not-ct", f"{faulty[7]}.dcm"),
            ("same-place", repeated),
            ("name-and-uid", f"{faulty[10]}.dcm"),
            ("not-ct", "notes.txt"),
        ]
    )
    left_out = {where.removesuffix(".dcm") for _, where in found}
    assert set(load_index(run).ids.tolist()) == {*whole, *faulty} - left_out


def test_a_compressed_file_that_breaks_off_is_found(challenge, run):
    ids = challenge.add("a", transfer_syntax=RLELossless)
    file = challenge.images / f"{ids[1]}.dcm"
    file.write_bytes(file.read_bytes()[:-30])
    whole = challenge.images / f"{ids[2]}.dcm"
    whole.write_bytes(whole.read_bytes() + b"\xfc\xff\xfc\xffOB\0\0\4\0\0\0\0\0\0\0")  # trailing padding, PS3.10 7.2
    make_index(run, challenge.sources())
    assert problems_of(run) == [("truncated", f"{ids[1]}.dcm")]


def test_a_copy_is_named_and_the_rightly_named_file_kept(challenge, run):
    ids = challenge.add("a")
    shutil.copy(challenge.images / f"{ids[0]}.dcm", challenge.images / "AA.dcm")
    (challenge.images / "again").mkdir()
    shutil.copy(challenge.images / f"{ids[1]}.dcm", challenge.images / "again" / f"{ids[1]}.dcm")
    make_index(run, challenge.sources())
    found = problems_of(run)
    assert ("name-and-uid", "AA.dcm") in found
    assert [kind for kind, _ in found] == ["name-and-uid", "copy"]
    assert load_index(run).ids.tolist() == ids


def test_an_id_of_two_different_images_is_used_for_neither(challenge, run):
    first, second = challenge.add("a"), challenge.add("b")
    (challenge.images / "again").mkdir()
    shutil.move(challenge.images / f"{second[0]}.dcm", challenge.images / "again" / f"{first[0]}.dcm")
    with config.disable_value_validation():
        dataset = dcmread(challenge.images / "again" / f"{first[0]}.dcm")
        dataset.SOPInstanceUID = first[0]
        dataset.save_as(challenge.images / "again" / f"{first[0]}.dcm", enforce_file_format=True)
    make_index(run, challenge.sources())
    assert problems_of(run) == [
        ("id-in-two-files", f"{first[0]}.dcm"),
        ("id-in-two-files", f"again/{first[0]}.dcm"),
        ("label-without-image", second[0]),
    ]
    assert set(load_index(run).ids.tolist()) == {*first[1:], *second[1:]}


def test_a_series_of_two_patients_is_named_and_left_out(challenge, run):
    alone = challenge.add("alone")
    mixed = challenge.add("mixed", 8)
    for name in mixed[:4]:
        challenge.change(name, PatientID="ID_p9")
    make_index(run, challenge.sources())
    assert sorted(problems_of(run)) == sorted(("two-patients", f"{name}.dcm") for name in mixed)
    assert load_index(run).ids.tolist() == alone
    assert "ID_p1 and ID_p9" in (run.path / "index" / "report.txt").read_text()


def test_scans_are_those_that_the_program_opens(challenge, run):
    """Two kernels under one series UID are two scans; each has the slices and the name it has on the screen."""
    challenge.add("plain", 6)
    challenge.add("both", 12, tags={"ConvolutionKernel": "H31s"})
    bone = challenge.add("both", 12, tags={"ConvolutionKernel": "H70h"})
    make_index(run, challenge.sources())
    table = load_index(run)
    shown = {one.uid: [file.path.name for file in one.files] for one in find_series([challenge.images]).series}
    assert len(shown) == 3
    assert {uid: table.files[table.scans == uid].tolist() for uid in set(table.scans.tolist())} == shown
    assert set(table.series[np.isin(table.ids, bone)].tolist()) == {"ID_both"}
    assert [kind for kind, _ in problems_of(run)] == ["split-series"]


def test_problems_can_stop_the_run_in_one_line(challenge, run):
    ids = challenge.add("a")
    challenge.cut(ids[0], 0.8)
    challenge.rows.append("ID_nowhere_any,1")
    with pytest.raises(FileError, match=r"report\.txt: 7 problems, none is allowed") as error:
        make_index(run, challenge.sources(), problems="refuse")
    assert "\n" not in str(error.value)
    assert not run.is_done("index")
    assert len(problems_of(run)) == 7, "the file, the label without an image and its five missing ones"
    make_index(run, challenge.sources())
    assert set(load_index(run).ids.tolist()) == set(ids[1:])


def test_the_report_gives_number_and_first_examples_of_each_kind(challenge, run):
    challenge.add("a", 12, label=False)
    challenge.label([f"ID_nowhere{number}" for number in range(5)])
    challenge.label(challenge.add("b", 2, label=False))
    make_index(run, challenge.sources())
    text = (run.path / "index" / "report.txt").read_text()
    assert "Problems: 17, each in problems.csv" in text
    assert "5 labelled ids without an image" in text
    assert "ID_nowhere0: has labels and no image" in text
    assert "and 2 more" in text
    assert "12 images that nobody labelled: they are kept as unlabelled" in text
    assert "Used: 14 slices of 2 scans of 1 patients, 2 slices with all six labels" in text


def test_images_of_the_sample_submission_need_no_label(challenge, run):
    labelled = challenge.add("a")
    challenge.images = challenge.folder / "stage_2_test"
    challenge.images.mkdir()
    wanted = challenge.add("b", label=False)
    sample = challenge.folder / "sample.csv"
    rows = [f"{name}_{label},0.5" for name in (*wanted, "ID_absent") for label in ORDER]
    sample.write_text("\n".join(["ID,Label", *rows]) + "\n")
    challenge.labels.write_text("\n".join(["ID,Label", *challenge.rows]) + "\n")
    folders = (challenge.folder / "stage_2_train", challenge.images)
    make_index(run, Sources("rsna", folders, challenge.labels, sample_submission=sample))
    assert problems_of(run) == [("wanted-without-image", "ID_absent")]
    table = load_index(run)
    assert {*labelled, *wanted} == set(table.ids.tolist())
    assert truth_of(table, wanted[0]) == [UNKNOWN] * 6
    assert {file.partition("/")[0] for file in table.files.tolist()} == {"stage_2_train", "stage_2_test"}


def test_a_stopped_scan_goes_on_where_it_was(challenge, run, monkeypatch):
    monkeypatch.setattr(header_scan, "CHUNK", 4)
    for series in "abcd":
        challenge.add(series, 5)
    read = []
    original = HeaderReader.read

    def noted(self, file):
        read.append(file.name)
        return original(self, file)

    def stop(done, total):
        if done > 8:
            raise Cancelled("stopped")

    monkeypatch.setattr(HeaderReader, "read", noted)
    with pytest.raises(Cancelled):
        make_index(run, challenge.sources(), processes=1, report=stop)
    before = read[:8]
    assert len(read) == 12, "the third chunk was read and is lost"
    read.clear()
    make_index(run, challenge.sources(), processes=1)
    assert len(read) == 12
    assert not set(read) & set(before)
    assert len(load_index(run)) == 20
    assert not (run.path / "index" / "headers").exists(), "copies of patients' headers are not kept"


def test_several_processes_find_what_one_finds(challenge, run, tmp_path, monkeypatch):
    monkeypatch.setattr(header_scan, "CHUNK", 3)
    ids = [challenge.add(series, 5) for series in "abc"]
    challenge.cut(ids[1][2], 0.7)
    reported = []
    make_index(run, challenge.sources(), processes=2, report=lambda done, total: reported.append((done, total)))
    other = RunFolder(tmp_path / "other", RunConfig())
    make_index(other, challenge.sources(), processes=1)
    for name in ("slices.csv", "problems.csv", "table1.md"):
        assert (run.path / "index" / name).read_bytes() == (other.path / "index" / name).read_bytes()
    assert run.facts("index")["data_sha256"] == other.facts("index")["data_sha256"]
    assert {(0, 15), (15, 15)} <= set(reported)


def test_an_index_is_of_the_sources_it_was_made_from(challenge, run, tmp_path):
    challenge.add("a")
    sources = challenge.sources()
    make_index(run, sources)
    assert load_sources(run) == sources
    assert json.loads((run.path / "index" / "sources.json").read_text())["root"] == str(challenge.images)
    make_index(run, sources)
    with pytest.raises(FileError, match="made from other files"):
        make_index(run, Sources("rsna", (challenge.folder,), challenge.labels))


@pytest.mark.parametrize("what", ["images", "labels"])
def test_what_is_not_there_is_said_before_anything_is_read(challenge, run, what):
    challenge.add("a")
    sources = challenge.sources()
    missing = challenge.images if what == "images" else challenge.labels
    missing.rename(challenge.folder / "elsewhere")
    with pytest.raises(FileError, match=f"{missing.name}: does not exist"):
        make_index(run, sources)


def test_a_folder_without_any_slice_is_refused(challenge, run):
    (challenge.images / "notes.txt").write_text("nothing here")
    challenge.rows = ["ID_1_any,0"]
    with pytest.raises(FileError, match="none of 1 files can be used"):
        make_index(run, challenge.sources())


def test_labels_are_in_the_order_of_the_program(challenge, run):
    assert [str(label) for label in LABELS] == list(ORDER)


def test_the_index_tells_masks_and_boxes_apart_from_others(tmp_path):
    """By them slices are prepared; the table of slices does not say what they are."""
    (file, *_) = write_series(tmp_path / "images", np.zeros((3, 16, 16), np.int16))
    (tmp_path / "masks").mkdir()
    (tmp_path / "boxes.csv").write_text("id,label,top,left,bottom,right\n")

    def lesions(name, **given):
        run = RunFolder(tmp_path / name, RunConfig())
        make_index(run, Sources("rsna", (tmp_path / "images",), **given), processes=1)
        return run.facts("index").get("lesions_sha256")

    assert lesions("none") is None
    found = [lesions("boxes", boxes=tmp_path / "boxes.csv"), lesions("masks", masks=tmp_path / "masks")]
    (tmp_path / "masks" / f"{file.stem}.png").write_bytes(b"12")
    found.append(lesions("one mask", masks=tmp_path / "masks"))
    (tmp_path / "boxes.csv").write_text("id,label,top,left,bottom,right\nx,subdural,1,1,2,2\n")
    found.append(lesions("one box", boxes=tmp_path / "boxes.csv"))
    assert len({*found, None}) == 5
    (tmp_path / "masks").rename(tmp_path / "moved")
    assert lesions("moved masks", masks=tmp_path / "moved") == found[2]
