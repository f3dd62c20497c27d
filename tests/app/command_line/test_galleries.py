"""`ihd gallery`: from readers' records and scans to pages and a list."""

from __future__ import annotations

import csv
import shutil

import pytest

from app import cli
from ihd_core.errors import StudyError
from ihd_core.labels import Label
from ihd_core.model_file import read_info
from ihd_core.phantom.series_writer import write_series
from ihd_core.study.answers import record_rating
from ihd_core.study.journal import Circumstances, Journal
from ihd_core.study.rating import RatingValue
from tests.ihd_core.toy import toy_hu


@pytest.fixture
def scan(tmp_path):
    from ihd_core.dicom.reader import load_scan

    write_series(tmp_path / "scan", toy_hu(14), spacing_mm=(5.0, 3.5, 3.5), series_uid="1.2.3")
    return load_scan(tmp_path / "scan")


@pytest.fixture
def record(tmp_path, scan, toy_folder):
    """record(reader, (index, label, value)...) writes a record and returns its path."""
    sha256 = read_info(toy_folder).sha256

    def write(reader, *rated, **changes):
        path = tmp_path / f"{reader}.csv"
        values = {
            "model": "toy", "model_sha256": sha256, "method": "grad-cam-cnn", "window_center": 40,
            "window_width": 80, "opacity": 0.5,
        }  # fmt: skip
        journal = Journal(path, reader=reader, software="ihd")
        for index, label, value in rated:
            around = Circumstances(**{**values, **changes})
            record_rating(journal, scan.uid, (scan.slice_uids[index], index, label), value, around)
        journal.close()
        return path

    return write


@pytest.fixture
def run(tmp_path, toy_folder, capsys):
    def call(*records, scans="scan", **_):
        arguments = ["gallery", *map(str, records), "--scans", str(tmp_path / scans), "--out", str(tmp_path / "out")]
        status = cli.main([*arguments, "--model", str(toy_folder), "--quiet"])
        return status, capsys.readouterr()

    return call


def listed(tmp_path):
    with (tmp_path / "out" / "gallery.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_two_readers_become_pages_and_a_list(run, record, tmp_path):
    one = record("R1", (2, Label.SUBDURAL, RatingValue.CORRECT), (3, Label.ANY, RatingValue.INCORRECT))
    two = record("R2", (2, Label.SUBDURAL, RatingValue.CORRECT), method="grad-cam-result-slice")
    status, written = run(one, two)
    assert (status, written.err) == (0, "")
    assert written.out.splitlines() == [
        "correct: 2 rated, 2 shown", "partially correct: 0 rated, 0 shown", "incorrect: 1 rated, 1 shown",
    ]  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["correct_1.png", "incorrect_1.png"]
    rows = listed(tmp_path)
    assert [(row["reader"], row["label"], row["value"], row["why_not_shown"]) for row in rows] == [
        ("R1", "subdural", "correct", ""), ("R1", "any", "incorrect", ""), ("R2", "subdural", "correct", ""),
    ]  # fmt: skip
    assert {(row["page"], row["place"]) for row in rows} == {
        ("correct_1.png", "1"), ("correct_1.png", "2"), ("incorrect_1.png", "1"),
    }  # fmt: skip
    assert all(0 < float(row["probability"]) < 1 for row in rows)


def test_why_a_rating_is_not_shown_stands_in_the_list(run, record, tmp_path):
    other = record("R1", (1, Label.ANY, RatingValue.CORRECT), model_sha256="f" * 64)
    here = record("R2", (1, Label.ANY, RatingValue.CORRECT))
    write_series(tmp_path / "elsewhere", toy_hu(4, seed=3), spacing_mm=(5.0, 3.5, 3.5), series_uid="9.9")
    assert run(other, here, scans="elsewhere")[0] == 0
    assert [row["why_not_shown"] for row in listed(tmp_path)] == [
        "heatmap of another model: toy ffffffffffff", "scan not among the paths",
    ]  # fmt: skip
    assert list((tmp_path / "out").glob("*.png")) == []


def test_pages_of_an_earlier_gallery_go(run, record, tmp_path):
    (tmp_path / "out").mkdir()
    for name in ("correct_9.png", "incorrect_1.png", "correct_notes.png"):
        (tmp_path / "out" / name).write_bytes(b"")
    run(record("R1", (2, Label.SUBDURAL, RatingValue.CORRECT)))
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["correct_1.png", "correct_notes.png"]


def test_a_copy_of_a_record_is_refused_and_so_is_one_without_ratings(run, record, tmp_path):
    path = record("R1", (2, Label.SUBDURAL, RatingValue.CORRECT))
    shutil.copy(path, tmp_path / "copy.csv")
    status, written = run(path, tmp_path / "copy.csv")
    assert status == 2
    assert "holds answers that are also in" in written.err
    status, written = run(record("R3"))
    assert status == 2
    assert "no rating of a heatmap" in written.err


def test_a_record_stays_as_it_is(run, record):
    path = record("R1", (2, Label.SUBDURAL, RatingValue.CORRECT))
    before = path.read_bytes()
    run(path)
    assert path.read_bytes() == before


def test_a_record_that_is_none_is_refused(tmp_path, toy_folder):
    from app.command_line.galleries import write_gallery

    (tmp_path / "none.csv").write_text("a,b\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"none\.csv: is not a record"):
        write_gallery([tmp_path / "none.csv"], [tmp_path], toy_folder, tmp_path / "out", each=8)
