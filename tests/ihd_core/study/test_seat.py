import errno
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ihd_core.errors import StudyError
from ihd_core.labels import Label
from ihd_core.study.design import Design, Phase, Reader, Role
from ihd_core.study.journal import Circumstances, check
from ihd_core.study.lead import open_phase, strata
from ihd_core.study.opinion import with_comment
from ihd_core.study.phases import Item, Task
from ihd_core.study.rating import RatingValue, Reason, Verdict
from ihd_core.study.seat import Seat
from ihd_core.study.study_folder import open_study
from tests.ihd_core.study.studies import PASSPHRASE, adjudicators, made_study, predicted, protocol, read_all, says

REPOSITORY = Path(__file__).resolve().parents[3]
B, A = Phase.BLIND, Phase.ASSISTED


@pytest.fixture
def study(tmp_path):
    return made_study(tmp_path / "study", protocol(cases=2))


def test_rows_say_where_in_the_study_they_belong(study):
    with Seat(study, "r1") as seat:
        task = seat.standing.task
        seat.record_view("u3", 3, Circumstances(seconds=1.5))
        seat.save_opinion(says(any=90), Circumstances(seconds=20.0))
        seat.lock()
    rows = study.rows("r1")
    assert {(row["study"], row["protocol"], row["phase"], row["case"]) for row in rows} == {
        ("pilot", study.sha256, "blind", task.case)
    }
    assert [row["event"] for row in rows] == ["view", *["opinion"] * 6, "lock"]
    assert {row["scan_uid"] for row in rows} == {study.protocol.case(task.case).scan_uid}


def test_a_locked_reading_cannot_be_changed_and_an_unlocked_one_can(study):
    with Seat(study, "r1") as seat:
        task = seat.standing.task
        with pytest.raises(StudyError, match="has no answer that could be locked"):
            seat.lock()
        seat.save_opinion(says(any=90))
        seat.save_opinion(says(any=20))
        assert seat.opinion(task) == says(any=20)
        assert seat.lock().task.phase == A
        seat.save_opinion(says(any=70))
        with pytest.raises(StudyError, match="is locked; its answers are not shown before reveal"):
            seat.opinion(task)
    calls = [row for row in study.rows("r1") if row["label"] == "any"]
    assert [(row["phase"], row["value"], row["previous"]) for row in calls] == [
        ("blind", "yes", ""),
        ("blind", "no", "yes 90"),
        ("assisted", "yes", ""),
    ]


def test_the_same_case_phase_and_slice_are_there_after_a_crash(study):
    seat = Seat(study, "r1")
    seat.record_view("u3", 3)
    seat.save_opinion(with_comment(says(subdural=60), "left"))
    seat.close()
    with Seat(open_study(study.path), "r1") as again:
        task = again.standing.task
        assert (again.resume_slice(task), again.slices_seen(task)) == (3, {3})
        assert again.opinion(task) == with_comment(says(subdural=60), "left")


def test_two_programs_on_one_record_are_one_too_many(study):
    with Seat(study, "r1"), pytest.raises(StudyError, match="in use"):
        Seat(study, "r1")


def test_washout_is_enforced(tmp_path):
    study = made_study(tmp_path / "s", protocol(cases=2, design=Design.CROSSOVER, washout_weeks=4))
    day = datetime(2026, 3, 1, tzinfo=UTC)
    assert "Washout" in read_all(study, "r1", now=lambda: day).waiting
    told = pytest.raises(StudyError, match=r"Washout of 4 weeks.*Nothing was recorded")
    with Seat(study, "r1", now=lambda: day + timedelta(weeks=3)) as seat, told:
        seat.save_opinion(says())
    assert "rating" in read_all(study, "r1", now=lambda: day + timedelta(weeks=4)).waiting


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_place_that_fails_is_told_at_once_and_the_same_answer_can_be_given_again(study, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    with Seat(study, "r1") as seat:
        task = seat.standing.task
        before = study.journal("r1").read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            with pytest.raises(StudyError, match="nothing was recorded"):
                seat.save_opinion(says(any=90))
        assert study.journal("r1").read_bytes() == before
        assert (seat.standing.task, seat.opinion(task)) == (task, None)
        seat.save_opinion(says(any=90))
        assert seat.opinion(task) == says(any=90)
    assert check(study.journal("r1")).problems == ()


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be moved there")
def test_a_folder_that_vanishes_costs_nothing_once_it_is_back(study):
    with Seat(study, "r1") as seat:
        seat.save_opinion(says())
        away = study.path.rename(study.path.with_name("away"))
        with pytest.raises(StudyError, match=r"nothing was recorded \(No such file or directory\)"):
            seat.lock()
        away.rename(study.path)
        assert seat.lock().task.phase == A
    assert check(study.journal("r1")).problems == ()


def test_a_clock_set_back_opens_no_second_session_early(tmp_path):
    study = made_study(tmp_path / "s", protocol(cases=2, design=Design.CROSSOVER, washout_weeks=1))
    day = datetime(2026, 3, 1, tzinfo=UTC)
    read_all(study, "r1", now=lambda: day)
    assert "Washout" in read_all(study, "r1", now=lambda: day - timedelta(days=400)).waiting


def test_the_whole_way_from_reading_to_adjudication(tmp_path):
    everyone = (Reader("r1"), Reader("r2"), *adjudicators("a1", "a2", "a3"), Reader("p", Role.PANEL))
    phases = (B, A, Phase.RATING, Phase.REVEAL, Phase.ADJUDICATION, Phase.CONSENSUS)
    study = made_study(tmp_path / "s", protocol(cases=4, readers=everyone, phases=phases), positive=("c01", "c02"))
    results = predicted(tmp_path / "p.json", study)
    with pytest.raises(StudyError, match="rating: comes after all reading, and r1 has not locked"):
        open_phase(study, Phase.RATING, PASSPHRASE, results)
    read_all(study, "r1", lambda case, _: says(any=90, subdural=90) if case == "c01" else says())
    read_all(study, "r2", lambda case, _: says(any=90, subdural=90) if case != "c04" else says())

    # Rating: the model calls any on every slice; of the scans it is wrong on c03 and c04, r1 on c02.
    with pytest.raises(StudyError, match="does not fit"):
        open_phase(study, Phase.RATING, "battery staple", results)
    assert open_phase(study, Phase.RATING, PASSPHRASE, results) == 12 + 4
    with pytest.raises(StudyError, match="is open already"):
        open_phase(study, Phase.RATING, PASSPHRASE, results)
    drawn = strata(study, Phase.RATING, PASSPHRASE)
    assert {item.case for item, (stratum, _) in drawn.items() if stratum == "discordant"} == {"c02", "c03", "c04"}
    assert b"discordant" not in study.journal("lead").read_bytes()
    for reader in ("r1", "r2"):
        with Seat(study, reader) as seat:
            while (item := seat.standing.task.item) is not None:
                wrong = reader == "r2" and item.slice_index == 0
                if wrong:
                    seat.rate(item, RatingValue.INCORRECT, Reason.NO_HEMORRHAGE, missed=True)
                else:
                    seat.rate(item, RatingValue.CORRECT)
            with pytest.raises(StudyError, match="is not to be answered in rating"):
                seat.rate(Item("c01", Label.SUBDURAL, 0, "x"), RatingValue.CORRECT)
            with pytest.raises(StudyError, match="a correct heatmap has no reason"):
                seat.rate(next(iter(drawn)), RatingValue.CORRECT, Reason.BONE)
            with pytest.raises(StudyError, match="takes no calls"):
                seat.save_opinion(says())
            assert "reveal" in seat.lock().waiting

    # Reveal: r1 missed c02, r2 called c03.
    assert study.shown_truth() is None
    open_phase(study, Phase.REVEAL, PASSPHRASE)
    for reader, case in (("r1", "c02"), ("r2", "c03")):
        with Seat(study, reader) as seat:
            assert seat.opinion(Task(B, "c01")) == says(any=90, subdural=90)
            for label in (Label.ANY, Label.SUBDURAL):
                task = seat.standing.task
                assert task.item == Item(case, label)
                seat.dispute(task.item, Verdict.TRUTH_IS_WRONG, "small", "truth")
            seat.lock()
            assert seat.standing.task is None

    # Adjudication: those four labels and as many others, and the third only what the first two differ on.
    assert open_phase(study, Phase.ADJUDICATION, PASSPHRASE) == 4 + 4
    with Seat(study, "a3") as seat:
        assert "adjudication" in seat.standing.waiting
    for reader in ("a1", "a2"):
        with Seat(study, reader) as seat:
            while (item := seat.standing.task.item) is not None:
                seat.adjudicate(item, reader == "a1" and item == Item("c02", Label.ANY))
            seat.lock()
    assert study.opened_for("a3").items[Phase.ADJUDICATION] == (Item("c02", Label.ANY),)

    # Consensus: what the raters differ on.
    assert open_phase(study, Phase.CONSENSUS, PASSPHRASE) == sum(item.slice_index == 0 for item in drawn)
    with Seat(study, "p") as seat:
        seat.rate(seat.standing.task.item, RatingValue.PARTIALLY_CORRECT)
    assert all(check(study.journal(name)).problems == () for name in ("lead", "r1", "r2", "a1", "a2", "p"))


SCRIPT = """
import sys
from pathlib import Path
from ihd_core.study.seat import Seat
from ihd_core.study.study_folder import open_study
from tests.ihd_core.study.studies import says
with Seat(open_study(Path(sys.argv[1])), "r1") as seat:
    task = seat.standing.task
    while task is not None:
        for index in range(4):
            seat.record_view(f"u{index}", index)
        seat.save_opinion(says(any=80))
        print("saved", task.phase, task.case, task.repeat, flush=True)
        following = seat.lock().task
        print("locked", task.phase, task.case, task.repeat, flush=True)
        task = following
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("kills", [4, pytest.param(300, marks=pytest.mark.soak)])
def test_a_killed_session_goes_on_where_it_was_and_loses_nothing_confirmed(tmp_path, kills):
    study = made_study(tmp_path / "s", protocol(cases=10 * kills))
    command = [sys.executable, "-c", SCRIPT, str(study.path)]
    for kill in range(kills):
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
            said = [process.stdout.readline() for _ in range(1 + kill % 7)]
            process.send_signal(signal.SIGKILL)
            said += process.stdout.read().splitlines(keepends=True)
        rows = study.rows("r1")
        there = {(row["event"], row["phase"], row["case"]) for row in rows}
        for line in (one for one in said if one.endswith("\n")):
            word, phase, case, _ = line.split()
            assert ({"saved": "opinion", "locked": "lock"}[word], phase, case) in there
        assert check(study.journal("r1")).problems == ()
        with Seat(study, "r1") as seat:
            task = seat.standing.task
            assert ("lock", task.phase, task.case) not in there
