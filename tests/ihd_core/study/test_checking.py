from datetime import UTC, datetime

import pytest

from ihd_core.study.checking import check_record, check_study, status, status_text
from ihd_core.study.journal_file import tail_path
from tests.ihd_core.study.studies import made_study, protocol, read_all, says

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def study(tmp_path):
    made = made_study(tmp_path / "s", protocol(cases=2))
    read_all(made, "r1", lambda *_: says(any=77))
    return made


def changed(study, change):
    path = study.journal("r1")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(change(lines)))
    return [problem for finding in check_study(study) for problem in finding.problems]


def test_a_whole_study_has_no_problem(study):
    (finding,) = check_study(study)
    assert (finding.path.name, finding.rows, finding.problems, finding.remarks) == ("r1.csv", 28, (), ())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda lines: [*lines[:3], lines[3].replace(b"no", b"on"), *lines[4:]],
            "line 4: changed after",
        ),
        (lambda lines: [*lines[:3], *lines[4:]], "line 4: row 4 does not follow the row before it; row 3 is missing"),
        (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], "line 4: row 4 does not follow"),
        (lambda lines: lines[:-1], "missing from the end: row 28"),
        (lambda lines: lines[:1], "missing from the end: rows 1 to 28"),
    ],
)
def test_a_changed_missing_or_moved_row_is_named(study, change, said):
    assert said in changed(study, change)[0]


def test_a_record_that_was_removed_is_named(study):
    study.journal("r1").unlink()
    (finding,) = check_study(study)
    assert finding.problems == ("the record is gone, r1.csv.tail is still there",)


def test_a_torn_row_is_a_remark(study):
    path = study.journal("r1")
    path.write_bytes(path.read_bytes() + b"29,half a ro")
    finding = check_record(path)
    assert (finding.rows, finding.problems) == (28, ())
    assert finding.remarks == ("line 30: torn; it costs no other row",)


def test_a_missing_second_file_is_a_remark(study):
    tail_path(study.journal("r1")).unlink()
    assert "r1.csv.tail is missing" in check_record(study.journal("r1")).remarks[0]


def test_a_row_of_another_study_is_named(study, tmp_path):
    other = made_study(tmp_path / "other", protocol(cases=2, study="other"))
    study.journal("r2").write_bytes(b"")
    read_all(other, "r2")
    study.journal("r2").write_bytes(other.journal("r2").read_bytes())
    assert check_study(study)[1].problems[0] == "row 1 is of the study other"


def test_status_tells_progress_and_no_answer(study):
    text = status_text(study, status(study, NOW))
    first, second, third = text.splitlines()
    assert first == "pilot, version 1, sequential, 2 cases"
    assert second.startswith("r1 (reader): blind 2 / 2, assisted 2 / 2; The lead has not opened the phase rating yet.")
    assert third == "r2 (reader): blind 0 / 2, assisted 0 / 2; next: blind"
    assert not any(word in text for word in ("77", "yes", "c01"))
