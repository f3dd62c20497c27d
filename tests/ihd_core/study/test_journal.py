import csv
import errno
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ihd_core.errors import StudyError
from ihd_core.study.journal import Circumstances, Event, Journal, check
from ihd_core.study.journal_file import tail_path
from ihd_core.study.rows import FIELDS, HEADER

REPOSITORY = Path(__file__).resolve().parents[3]
SCAN = "1.2.826.0.1"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records" / "r1.csv"


def open_journal(path, **options):
    return Journal(path, **{"reader": "r1", **options})


def rows_on_disk(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def comments(journal):
    return [row["comment"] for row in journal.rows_of(SCAN)]


def append_comments(journal, *texts):
    for text in texts:
        journal.append(Event("comment", SCAN, comment=text))


def test_a_new_journal_has_its_header_on_disk_before_the_first_answer(path):
    with open_journal(path):
        assert path.read_bytes() == HEADER


def test_a_row_says_what_was_answered_and_how(path):
    now = datetime(2026, 3, 4, 14, 5, 6, 789000, tzinfo=UTC)
    around = Circumstances(
        mode="second reader",
        ai_visible=False,
        ai_visible_seconds=0.0,
        model="Demonstration",
        model_sha256="ab" * 32,
        method="grad-cam-cnn",
        setting="screen",
        window_center=-600.0,
        window_width=80.0,
        opacity=0.5,
        views=2,
        seconds=12.3456,
        slices_seen=35,
        warnings=("gantry-tilt", "uneven-spacing"),
        details={"reason": "ü"},
    )
    with open_journal(path, software="ihd 0.1.0", now=lambda: now) as journal:
        journal.append(Event("rating", SCAN, "1.2.3", 7, "subdural", "correct", circumstances=around))
    (row,) = rows_on_disk(path)
    assert tuple(row) == FIELDS
    expected = {
        "sequence": "1",
        "time": "2026-03-04T14:05:06.789+00:00",
        "software": "ihd 0.1.0",
        "reader": "r1",
        "event": "rating",
        "answer": "1",
        "part": "1/1",
        "scan_uid": SCAN,
        "slice_uid": "1.2.3",
        "slice_index": "7",
        "label": "subdural",
        "value": "correct",
        "mode": "second reader",
        "ai_visible": "0",
        "ai_visible_seconds": "0.000",
        "model": "Demonstration",
        "model_sha256": "ab" * 32,
        "method": "grad-cam-cnn",
        "setting": "screen",
        "window_center": "-600.000",
        "window_width": "80.000",
        "opacity": "0.500",
        "views": "2",
        "seconds": "12.346",
        "slices_seen": "35",
        "warnings": "gantry-tilt uneven-spacing",
        "details": '{"reason": "ü"}',
        "previous_hash": "0" * 64,
    }
    assert {name: row[name] for name in expected} == expected
    empty = set(FIELDS) - set(expected) - {"elapsed", "session", "hash"}
    assert {row[name] for name in empty} == {""}


def test_an_answer_is_on_disk_when_append_returns(path, monkeypatch):
    synced = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(os.fstat(file).st_size), sync(file)))
    with open_journal(path) as journal:
        journal.append(Event("comment", SCAN, comment="x"))
        assert path.stat().st_size in synced
        assert path.stat().st_size > len(HEADER)


def test_rows_are_numbered_and_chained_over_closing_and_opening(path):
    for text in ("a", "b", "c"):
        with open_journal(path) as journal:
            append_comments(journal, text)
    rows = rows_on_disk(path)
    assert [row["sequence"] for row in rows] == ["1", "2", "3"]
    assert [row["previous_hash"] for row in rows] == ["0" * 64, rows[0]["hash"], rows[1]["hash"]]
    assert len({row["session"] for row in rows}) == 3
    found = check(path)
    assert (found.rows, found.problems, found.torn) == (3, (), ())


def test_a_clock_set_back_changes_neither_the_order_nor_the_chain(path):
    times = iter([datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)])
    with open_journal(path, now=lambda: next(times)) as journal:
        append_comments(journal, "first", "second")
        assert comments(journal) == ["first", "second"]
    assert check(path).problems == ()
    first, second = rows_on_disk(path)
    assert timedelta() <= timedelta(seconds=float(second["elapsed"]) - float(first["elapsed"])) < timedelta(seconds=9)


@pytest.mark.parametrize(
    "text", ["Blutung rechts, 血腫 «ja»", 'a "quoted", text', "two\nlines\r\n", "=1+1", "-", "a\x00b"]
)
def test_a_comment_comes_back_as_it_was_typed(path, text):
    with open_journal(path) as journal:
        append_comments(journal, text)
    with open_journal(path) as journal:
        assert comments(journal) == [text]
    assert path.read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("kept", [1, 30, 150, -80, -66, -2])
def test_a_torn_line_is_closed_counted_and_costs_no_neighbour(path, kept):
    with open_journal(path) as journal:
        append_comments(journal, "a", 'torn, "here"')
    content = path.read_bytes()
    last = content.rstrip(b"\n").rindex(b"\n") + 1
    path.write_bytes(content[:last] + content[last:][:kept])
    tail_path(path).unlink()  # after a crash it does not count the row that was being written
    with open_journal(path) as journal:
        assert (journal.damaged_rows, comments(journal)) == (1, ["a"])
        append_comments(journal, "b")
        assert (journal.damaged_rows, comments(journal)) == (1, ["a", "b"])
    with open_journal(path) as journal:
        assert (journal.damaged_rows, comments(journal)) == (1, ["a", "b"])
    found = check(path)
    assert (found.rows, found.problems, found.torn) == (2, (), (3,))


def test_a_last_row_without_its_line_feed_counts(path):
    with open_journal(path) as journal:
        append_comments(journal, "a")
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    with open_journal(path) as journal:
        append_comments(journal, "b")
        assert (journal.damaged_rows, comments(journal)) == (0, ["a", "b"])
    assert check(path).problems == ()


def test_an_answer_of_several_rows_counts_whole_or_not_at_all(path):
    with open_journal(path) as journal:
        journal.append(*(Event("comment", SCAN, comment=text) for text in "abc"))
    rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(rows[:-1]))
    tail_path(path).unlink()
    with open_journal(path) as journal:
        assert (comments(journal), journal.damaged_rows) == ([], 2)
        append_comments(journal, "d")
        assert comments(journal) == ["d"]
    assert check(path).problems == ()


def test_a_changed_byte_is_found_and_the_row_is_not_believed(path):
    with open_journal(path) as journal:
        append_comments(journal, "small", "large", "none")
    path.write_bytes(path.read_bytes().replace(b"large", b"Large"))
    assert check(path).problems[0] == "line 3: changed after it was written (its hash does not fit)"
    with open_journal(path) as journal:
        assert (comments(journal), journal.damaged_rows) == (["small", "none"], 1)


@pytest.mark.parametrize("kept", [0, 1, 100, len(HEADER) - 1])
def test_a_header_cut_short_by_a_crash_is_written_again(path, kept):
    path.parent.mkdir()
    path.write_bytes(HEADER[:kept])
    with open_journal(path) as journal:
        append_comments(journal, "a")
    assert [row["comment"] for row in rows_on_disk(path)] == ["a"]


def test_a_file_that_is_no_journal_is_refused_and_left_alone(path):
    path.parent.mkdir()
    path.write_bytes(b"name,score\nx,1\n")
    for use in (open_journal, check):
        with pytest.raises(StudyError, match=r"r1\.csv: is not a record of this program"):
            use(path)
    assert path.read_bytes() == b"name,score\nx,1\n"


def test_another_readers_journal_is_refused(path):
    with open_journal(path) as journal:
        append_comments(journal, "a")
    with pytest.raises(StudyError, match=r"r1\.csv: holds the answers of reader r1, not r2"):
        open_journal(path, reader="r2")


def test_a_second_program_is_refused_until_the_first_lets_go(path):
    opening = (
        "import sys; from pathlib import Path; from ihd_core.errors import StudyError\n"
        "from ihd_core.study.journal import Journal\n"
        "try: Journal(Path(sys.argv[1]), reader='r1')\n"
        "except StudyError as error: sys.exit(str(error))\n"
    )
    other = [sys.executable, "-c", opening, str(path)]
    with open_journal(path) as journal:
        append_comments(journal, "a")
        refused = subprocess.run(other, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert refused.returncode == 1
        assert refused.stderr.strip() == f"{path}: is in use by another window or program; close it there first"
        with pytest.raises(StudyError, match="in use"):
            open_journal(path)
    assert subprocess.run(other, cwd=REPOSITORY, check=False).returncode == 0


def test_a_full_disk_is_told_nothing_is_half_written_and_the_next_try_works(path, monkeypatch):
    write = os.write

    def fill(file, content):
        if len(content) < 200:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, bytes(content[:150]))

    with open_journal(path) as journal:
        append_comments(journal, "a")
        before = path.read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", fill)
            with pytest.raises(StudyError) as told:
                append_comments(journal, "b")
        assert str(told.value) == f"{path}: nothing was recorded (No space left on device)"
        assert path.read_bytes() == before
        append_comments(journal, "c")
        assert comments(journal) == ["a", "c"]
    assert check(path).problems == ()


def test_a_disk_that_fails_to_sync_is_told_and_the_row_is_taken_back(path, monkeypatch):
    def fail(file):
        raise OSError(errno.EIO, "Input/output error")

    with open_journal(path) as journal:
        before = path.read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            with pytest.raises(StudyError, match="Input/output error"):
                append_comments(journal, "a")
        assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_limit_of_the_system_on_the_file_is_told_and_nothing_is_half_written(path):
    filling = (
        "import resource, signal, sys; from pathlib import Path; from ihd_core.errors import StudyError\n"
        "from ihd_core.study.journal import Event, Journal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "journal, done = Journal(Path(sys.argv[1]), reader='r1'), 0\n"
        "try:\n"
        "    while True: journal.append(Event('comment', '1', comment='x')); done += 1\n"
        "except StudyError as error: print(done, error)\n"
    )
    command = [sys.executable, "-c", filling, str(path)]
    said = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    done, _, message = said.strip().partition(" ")
    assert message == f"{path}: nothing was recorded (File too large)"
    found = check(path)
    assert (found.rows, found.problems, found.torn) == (int(done), (), ())
    assert found.rows > 3


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "r1.csv"
    with pytest.raises(StudyError) as told:
        open_journal(path)
    assert str(told.value).startswith(f"{path}: cannot be used for the record (")
    assert "\n" not in str(told.value)


def test_a_read_only_place_is_told(path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(StudyError, match=r"r1\.csv: cannot be used for the record \(Read-only file system\)"):
            open_journal(path)


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_a_folder_that_vanished_is_told_and_works_again_when_it_is_back(path):
    with open_journal(path) as journal:
        append_comments(journal, "a")
        away = path.parent.rename(path.parent.with_name("away"))
        with pytest.raises(StudyError, match=r"nothing was recorded \(No such file or directory\)"):
            append_comments(journal, "b")
        away.rename(path.parent)
        append_comments(journal, "c")
    assert [row["comment"] for row in rows_on_disk(path)] == ["a", "c"]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be replaced there")
def test_a_file_put_in_the_journals_place_gets_no_answer(path):
    with open_journal(path) as journal:
        append_comments(journal, "a")
        copy = path.with_name("copy.csv")
        copy.write_bytes(path.read_bytes())
        copy.replace(path)
        with pytest.raises(StudyError, match="another file has taken its place"):
            append_comments(journal, "b")
    assert check(path).rows == 1


def test_rows_that_another_program_wrote_meanwhile_are_kept(path):
    with open_journal(path) as journal:
        append_comments(journal, "a")
        with path.open("ab") as file:
            file.write(b"half a ro")
        append_comments(journal, "b")
        assert (comments(journal), journal.damaged_rows) == (["a", "b"], 1)


def test_a_closed_journal_says_so(path):
    journal = open_journal(path)
    journal.close()
    journal.close()
    with pytest.raises(StudyError, match="the record is closed"):
        append_comments(journal, "a")


def test_a_reader_without_a_name_is_a_mistake_of_the_program(path):
    with pytest.raises(ValueError, match="reader"):
        open_journal(path, reader=" ")


def test_the_second_file_counts_the_rows_and_names_the_last_one(path):
    with open_journal(path) as journal:
        journal.append(*(Event("comment", SCAN, comment=text) for text in "abc"))
        append_comments(journal, "d")
    assert tail_path(path).read_text() == f"4 {rows_on_disk(path)[3]['hash']}\n"
    assert sorted(file.name for file in path.parent.iterdir()) == ["r1.csv", "r1.csv.tail"]


@pytest.mark.parametrize(("cut", "said"), [(1, "row 3"), (2, "rows 2 to 3"), (3, "rows 1 to 3")])
def test_a_cut_tail_is_found_and_stays_on_record(path, cut, said):
    with open_journal(path) as journal:
        append_comments(journal, "a", "b", "c")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-cut]))
    assert check(path).problems == (f"missing from the end: {said}",)
    with open_journal(path) as journal:
        assert journal.damaged_rows == cut
        append_comments(journal, "d")
        assert (comments(journal)[-1], journal.damaged_rows) == ("d", 0)
    assert check(path).problems == (f"line {5 - cut}: {said} had gone from the end before this was written",)


def test_a_last_row_torn_after_it_was_confirmed_is_found(path):
    with open_journal(path) as journal:
        append_comments(journal, "a", "b")
    path.write_bytes(path.read_bytes()[:-30])
    assert check(path).problems == ("missing from the end: row 2",)


def test_one_answer_that_a_crash_left_uncounted_is_no_problem_and_two_are(path):
    with open_journal(path) as journal:
        append_comments(journal, "a")
        counted = tail_path(path).read_bytes()
        journal.append(*(Event("comment", SCAN, comment=text) for text in "bc"))
    tail_path(path).write_bytes(counted)
    assert check(path).problems == ()
    with open_journal(path) as journal:
        append_comments(journal, "d")
    assert check(path).problems == ()
    tail_path(path).write_bytes(counted)
    assert check(path).problems == ("rows after 1 were added by something else than this program",)


def test_a_chain_written_anew_does_not_fit_the_second_file(path):
    with open_journal(path) as journal:
        append_comments(journal, "no")
    kept = tail_path(path).read_bytes()
    path.unlink()
    tail_path(path).unlink()
    with open_journal(path) as journal:
        append_comments(journal, "yes")
    tail_path(path).write_bytes(kept)
    assert check(path).problems == ("row 1 is not the one that was written",)


def test_a_journal_of_an_older_version_opens_and_gets_its_second_file(path):
    with open_journal(path) as journal:
        append_comments(journal, "a", "b")
    tail_path(path).unlink()
    assert check(path).problems == ()
    with open_journal(path) as journal:
        append_comments(journal, "c")
        assert comments(journal) == ["a", "b", "c"]
    assert tail_path(path).read_text().startswith("3 ")


def test_a_second_file_that_says_nothing_is_named(path):
    with open_journal(path) as journal:
        append_comments(journal, "a")
    tail_path(path).write_bytes(b"")
    for use in (open_journal, check):
        with pytest.raises(StudyError, match=r"r1\.csv\.tail: does not hold the count"):
            use(path)


def test_a_disk_that_is_full_for_the_second_file_takes_the_row_back(path, monkeypatch):
    with open_journal(path) as journal:
        append_comments(journal, "a")
        before = path.read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full_from(os.fsync, call=2))
            with pytest.raises(StudyError, match=r"nothing was recorded \(No space left on device\)"):
                append_comments(journal, "b")
        assert path.read_bytes() == before
        append_comments(journal, "c")
        assert comments(journal) == ["a", "c"]
    assert check(path).problems == ()
    assert len(list(path.parent.iterdir())) == 2


def full_from(function, call):
    """The function, failing for lack of space from this call on, once."""
    calls = iter(range(1, 1000))

    def called(*arguments):
        if next(calls) == call:
            raise OSError(errno.ENOSPC, "No space left on device")
        return function(*arguments)

    return called


def kill_while_appending(path, confirmed_at_least):
    """Let another program append until it has confirmed so many, kill it, and return what it confirmed last."""
    appending = (
        "import sys; from pathlib import Path\n"
        "from ihd_core.study.journal import Event, Journal\n"
        "journal = Journal(Path(sys.argv[1]), reader='r1')\n"
        "while True: print(journal.append(*[Event('comment', '1', comment='x' * 500)] * 3), flush=True)\n"
    )
    command = [sys.executable, "-c", appending, str(path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(confirmed_at_least):
            process.stdout.readline()
        process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        left = process.stdout.read().split()
    return int(left[-1]) if left else 0


@pytest.mark.parametrize("kills", [4, pytest.param(300, marks=pytest.mark.soak)])
def test_a_killed_program_loses_no_answer_it_confirmed(path, kills):
    for kill in range(kills):
        confirmed = kill_while_appending(path, 1 + 3 * (kill % 5))
        with open_journal(path) as journal:
            answers = {int(row["answer"]) for row in journal.rows_of("1")}
        assert confirmed == 0 or confirmed in answers
    found = check(path)
    assert found.problems == ()
    assert found.rows >= 3 * kills
