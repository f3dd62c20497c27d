import os
from dataclasses import replace

import pytest

from ihd_core.errors import StudyError
from ihd_core.labels import Label
from ihd_core.study.answers import record_opinion, record_rating, undo_last
from ihd_core.study.journal import Circumstances, Event, Journal
from ihd_core.study.opinion import Opinion, with_rest_no
from ihd_core.study.rating import RatingValue
from ihd_core.study.record import Rating, Rows, read_record, standing

SDH, EDH = Label.SUBDURAL, Label.EPIDURAL
GOOD, PARTLY, BAD = RatingValue.CORRECT, RatingValue.PARTIALLY_CORRECT, RatingValue.INCORRECT
AROUND = Circumstances(
    model="toy",
    model_sha256="a" * 64,
    method="grad-cam-cnn",
    window_center=80.0,
    window_width=200.0,
    opacity=0.4,
)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "r1.csv", reader="r1") as opened:
        yield opened


def rate(journal, value, *, scan="1.2", index=7, label=SDH, around=AROUND):
    return record_rating(journal, scan, (f"{scan}.{index}", index, label), value, around)


def told(journal):
    return [(one.scan_uid, one.slice_index, one.label, one.value) for one in read_record(journal.path).ratings()]


def test_a_record_is_read_while_a_window_has_it_open_and_stays_as_it_is(journal):
    rate(journal, GOOD)
    before, when = journal.path.read_bytes(), os.stat(journal.path).st_mtime_ns
    record = read_record(journal.path)
    assert (record.reader, record.damaged_rows, record.checked.problems) == ("r1", 0, ())
    assert (journal.path.read_bytes(), os.stat(journal.path).st_mtime_ns) == (before, when)
    rate(journal, BAD, index=8)  # and the window goes on
    assert [one.value for one in read_record(journal.path).ratings()] == [GOOD, BAD]


def test_a_rating_says_what_was_rated_by_whom_and_how_it_was_shown(journal):
    journal.append(
        Event("rating", "1.2", "1.2.7", 7, SDH, PARTLY, reason="misses", comment="the small\none", circumstances=AROUND)
    )
    (found,) = read_record(journal.path).ratings()
    assert found == Rating(
        sequence=1,
        time=found.time,
        reader="r1",
        scan_uid="1.2",
        slice_uid="1.2.7",
        slice_index=7,
        label=SDH,
        value=PARTLY,
        model="toy",
        model_sha256="a" * 64,
        method="grad-cam-cnn",
        window_center=80.0,
        window_width=200.0,
        opacity=0.4,
        reason="misses",
        comment="the small\none",
    )
    assert found.time.endswith("+00:00")


def test_the_newest_rating_of_a_heatmap_counts(journal):
    rate(journal, GOOD)
    rate(journal, GOOD, label=EDH)
    rate(journal, BAD)
    assert told(journal) == [("1.2", 7, EDH, GOOD), ("1.2", 7, SDH, BAD)]


def test_undoing_brings_the_rating_before_back(journal):
    rate(journal, GOOD)
    rate(journal, BAD)
    undo_last(journal, "1.2")
    assert told(journal) == [("1.2", 7, SDH, GOOD)]
    undo_last(journal, "1.2")
    assert told(journal) == []


def test_heatmaps_of_other_models_and_methods_are_other_heatmaps(journal):
    rate(journal, GOOD)
    rate(journal, PARTLY, around=replace(AROUND, model_sha256="b" * 64))
    rate(journal, BAD, around=replace(AROUND, method="grad-cam-result-slice"))
    assert [one.value for one in read_record(journal.path).ratings()] == [GOOD, PARTLY, BAD]


def test_ratings_of_all_scans_come_in_the_order_in_which_they_were_given(journal):
    rate(journal, GOOD)
    rate(journal, BAD, scan="1.3")
    rate(journal, PARTLY, index=2)
    assert told(journal) == [("1.2", 7, SDH, GOOD), ("1.3", 7, SDH, BAD), ("1.2", 2, SDH, PARTLY)]


def test_opinions_are_no_ratings(journal):
    record_opinion(journal, "1.2", with_rest_no(Opinion()))
    assert told(journal) == []


def test_torn_and_changed_lines_are_counted_and_cost_no_other(journal):
    for index in range(3):
        rate(journal, GOOD, index=index)
    rate(journal, BAD, index=3)
    header, first, second, third, last = journal.path.read_bytes().splitlines(keepends=True)
    second = second.replace(b"correct", b"incorrect")
    journal.path.write_bytes(header + first + second + third + last[:50])
    record = read_record(journal.path)
    assert record.damaged_rows == 2
    assert [one.slice_index for one in record.ratings()] == [0, 2]
    assert record.checked.torn == (5,)
    assert len(record.checked.problems) == 2  # line 3 was changed; so line 4 does not follow the row before it


def test_an_answer_that_was_not_written_to_the_end_does_not_count(journal):
    rate(journal, GOOD)
    record_opinion(journal, "1.2", with_rest_no(Opinion()))
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join(lines[:-1]))
    record = read_record(journal.path)
    assert record.damaged_rows == 5
    assert [rows[0]["event"] for rows in standing(record.rows.of("1.2"))] == ["rating"]


def test_a_row_that_is_part_of_nothing_is_damaged():
    rows = Rows()
    rows.take({"scan_uid": "1.2", "answer": "1", "part": ""})
    assert (rows.of("1.2"), rows.damaged) == ((), 1)


def test_a_record_without_rows_has_no_reader(journal):
    record = read_record(journal.path)
    assert (record.reader, record.ratings(), record.damaged_rows) == ("", (), 0)


def test_a_copy_of_a_record_shares_rows_with_it_and_another_record_does_not(journal, tmp_path):
    rate(journal, GOOD)
    (tmp_path / "copy.csv").write_bytes(journal.path.read_bytes())
    rate(journal, BAD)
    with Journal(tmp_path / "other.csv", reader="r1") as other:
        rate(other, GOOD)
    here, copy, there = (read_record(path) for path in (journal.path, tmp_path / "copy.csv", other.path))
    assert here.hashes & copy.hashes
    assert not here.hashes & there.hashes


@pytest.mark.parametrize("content", [None, b"", b"a,b\n1,2\n"])
def test_what_is_no_record_is_refused_by_name(tmp_path, content):
    path = tmp_path / "x.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StudyError, match=r"x\.csv: (cannot be read|is not a record)"):
        read_record(path)


def test_answers_of_two_readers_in_one_file_are_refused(journal, tmp_path):
    rate(journal, GOOD)
    with Journal(tmp_path / "r2.csv", reader="r2") as other:
        rate(other, BAD)
    with journal.path.open("ab") as file:
        file.write(other.path.read_bytes().split(b"\n", 1)[1])
    with pytest.raises(StudyError, match=r"r1\.csv: holds the answers of 2 readers \(r1, r2\)"):
        read_record(journal.path)


def test_a_rating_of_a_later_program_is_refused_by_its_row(journal):
    rate(journal, GOOD)
    journal.append(Event("rating", "1.2", "1.2.7", 7, SDH, "excellent", circumstances=AROUND))
    with pytest.raises(StudyError, match=r"r1\.csv: row 2 is no rating of this program.*excellent"):
        read_record(journal.path).ratings()
