import shutil

import pytest

from ihd_core.errors import StudyError
from ihd_core.study.checking import check_study
from ihd_core.study.design import Phase, Reader
from ihd_core.study.lead import open_phase
from ihd_core.study.merging import merge
from ihd_core.study.protocol import amended
from ihd_core.study.seat import Seat
from ihd_core.study.study_folder import open_study, write_amendment
from tests.ihd_core.study.studies import PASSPHRASE, made_study, protocol, read_all, says


@pytest.fixture
def copies(tmp_path):
    first = made_study(tmp_path / "a", protocol(cases=2, phases=(Phase.BLIND, Phase.REVEAL)))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    return first, open_study(tmp_path / "b")


def content(study):
    return {path.relative_to(study.path): path.read_bytes() for path in study.path.rglob("*") if path.is_file()}


def test_readers_of_two_machines_come_together_and_once_more_changes_nothing(copies):
    here, there = copies
    read_all(here, "r1")
    read_all(there, "r2")
    merged = merge(here.path, [there.path])
    assert len(merged.taken) == 1
    assert {"r1", "r2"} == {name for name in ("r1", "r2") if merged.study.rows(name)}
    assert all(finding.problems == finding.remarks == () for finding in check_study(merged.study))
    before = content(here)
    assert merge(here.path, [there.path, there.path]).taken == ()
    assert content(here) == before


def test_the_longer_record_counts_whichever_side_it_is_on(copies):
    here, there = copies
    with Seat(here, "r1") as seat:
        seat.save_opinion(says())
    shutil.copytree(here.path / "journals", there.path / "journals", dirs_exist_ok=True)
    read_all(there, "r1")
    assert merge(there.path, [here.path]).taken == ()
    merge(here.path, [there.path])
    assert here.rows("r1") == there.rows("r1")


def test_two_records_that_go_different_ways_are_refused_with_the_row(copies):
    here, there = copies
    read_all(here, "r1")
    read_all(there, "r1")
    before = content(here)
    with pytest.raises(StudyError, match="from its intact row 1 on it says something else"):
        merge(here.path, [there.path])
    assert content(here) == before


def test_a_record_in_use_is_refused(copies):
    here, there = copies
    read_all(there, "r1")
    with Seat(here, "r1"), pytest.raises(StudyError, match="is in use"):
        merge(here.path, [there.path])


def test_an_amendment_comes_along_and_another_line_is_refused(copies, tmp_path):
    here, there = copies
    new = amended(there.protocol, there.sha256, "more", readers=(*there.protocol.readers, Reader("r3")))
    there = write_amendment(there, new)
    read_all(there, "r3")
    found = merge(here.path, [there.path]).study
    assert (found.protocol.version, bool(found.rows("r3"))) == (2, True)
    other = made_study(tmp_path / "c", protocol(cases=3))
    with pytest.raises(StudyError, match="are not of one line"):
        merge(here.path, [other.path])


def test_what_the_lead_opened_comes_along(copies):
    here, there = copies
    read_all(here, "r1")
    read_all(here, "r2")
    open_phase(here, Phase.REVEAL, PASSPHRASE)
    found = merge(there.path, [here.path]).study
    assert found.shown_truth() == here.shown_truth() is not None
