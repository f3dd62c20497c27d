import csv

import pytest

from ihd_core.errors import StudyError
from ihd_core.labels import Label
from ihd_core.study.design import Design, Phase
from ihd_core.study.export import DICTIONARY, export
from ihd_core.study.export_tables import TABLES
from ihd_core.study.journal import Circumstances
from ihd_core.study.lead import open_phase
from ihd_core.study.opinion import Opinion, answer
from ihd_core.study.rating import RatingValue, Reason, Verdict
from ihd_core.study.seat import Seat
from tests.ihd_core.study.studies import PASSPHRASE, case, made_study, predicted, protocol, says

LABELS = (Label.ANY, Label.SUBDURAL)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def led(tmp_path, name, order):
    """A paper study of two readers; c02 is a validation patient of the model. Readers read in the order given."""
    cases = (case(1), case(2, overlap="validation"))
    plan = protocol(cases=cases, labels=LABELS, design=Design.PAPER, overlap_allowed=True)
    study = made_study(tmp_path / name, plan, positive=("c01",))
    for reader in order:
        with Seat(study, reader) as seat:
            while (task := seat.standing.task) is not None:
                seat.record_view("1.2.840.99", 2, Circumstances(seconds=1.0))
                score = {"r1": 90, "r2": 30}[reader]
                seat.save_opinion(says(any=score, subdural=score) if task.case == "c01" else says(any=score))
                seat.lock(Circumstances(seconds=12.0, ai_visible_seconds=0.0))
    open_phase(study, Phase.REVEAL, PASSPHRASE)
    for reader in order:
        with Seat(study, reader) as seat:
            while (item := seat.standing.task.item) is not None:
                seat.dispute(item, Verdict.I_WAS_WRONG, "too small", "heatmap", Circumstances(seconds=3.0))
            seat.lock()
    open_phase(study, Phase.RATING, PASSPHRASE, predicted(tmp_path / f"{name}.json", study))
    for reader in order:
        with Seat(study, reader) as seat:
            while (item := seat.standing.task.item) is not None:
                seat.rate(item, RatingValue.INCORRECT, Reason.BONE, Circumstances(seconds=2.0), missed=True)
            seat.lock()
    return study


def test_the_tables_are_those_written_by_hand(tmp_path):
    out = tmp_path / "out"
    export(led(tmp_path, "a", ("r1", "r2")), out, PASSPHRASE)
    assert (out / "labels.csv").read_text() == (
        "reader,case,phase,arm,session,repeat,label,call,suspicion,truth,ai_visible,overlap,version\n"
        "r1,c01,blind,without,1,1,any,1,90,1,,,1\n"
        "r1,c01,blind,without,1,1,subdural,1,90,1,,,1\n"
        "r1,c02,blind,without,1,1,any,1,90,0,,validation,1\n"
        "r1,c02,blind,without,1,1,subdural,0,10,0,,validation,1\n"
        "r2,c01,blind,without,1,1,any,0,30,1,,,1\n"
        "r2,c01,blind,without,1,1,subdural,0,30,1,,,1\n"
        "r2,c02,blind,without,1,1,any,0,30,0,,validation,1\n"
        "r2,c02,blind,without,1,1,subdural,0,10,0,,validation,1\n"
    )
    assert (out / "disputes.csv").read_text() == (
        "reader,phase,case,label,value,reason,decided,truth,stratum,weight,seconds,overlap,version\n"
        "r1,reveal,c02,any,I was wrong,too small,heatmap,0,,1,3.000,validation,1\n"
        "r2,reveal,c01,any,I was wrong,too small,heatmap,1,,1,3.000,,1\n"
        "r2,reveal,c01,subdural,I was wrong,too small,heatmap,1,,1,3.000,,1\n"
    )
    assert (out / "times.csv").read_text().splitlines()[1:3] == [
        "r1,c01,blind,without,1,1,12.000,1,4,0.000,,1",
        "r1,c02,blind,without,1,1,12.000,1,4,0.000,validation,1",
    ]
    assert (out / "views.csv").read_text().splitlines()[1] == "r1,c01,blind,1,2,,1,,,,1.000"
    assert (out / "truth.csv").read_text().splitlines()[1:3] == ["c01,any,1,", "c01,subdural,1,"]
    assert (out / "readers.csv").read_text().splitlines()[1] == "r1,reader,,,,0"
    # The model calls any on all slices; any is wrong on c02 for the model, on c01 for r2.
    ratings = rows(out / "ratings.csv")
    assert {(one["case"], one["label"], one["value"], one["reason"], one["missed"]) for one in ratings} == {
        ("c01", "any", "incorrect", "bone", "1"),
        ("c02", "any", "incorrect", "bone", "1"),
    }
    assert {(one["stratum"], one["weight"], one["method"]) for one in ratings} == {("discordant", "1", "grad-cam-cnn")}
    assert len(ratings) == 2 * 8


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_rows_are_the_same_whoever_came_first(tmp_path):
    for name, order in (("a", ("r1", "r2")), ("b", ("r2", "r1"))):
        export(led(tmp_path, name, order), tmp_path / f"out-{name}", PASSPHRASE)
    assert files(tmp_path / "out-a") == files(tmp_path / "out-b")


def test_pseudonyms_only(tmp_path):
    export(led(tmp_path, "a", ("r1", "r2")), tmp_path / "out", PASSPHRASE)
    for name, content in files(tmp_path / "out").items():
        assert b"1.2." not in content, name


def test_the_dictionary_explains_every_column(tmp_path):
    out = tmp_path / "out"
    export(led(tmp_path, "a", ("r1", "r2")), out, PASSPHRASE)
    explained = [(row["file"], row["column"]) for row in rows(out / DICTIONARY)]
    for name in TABLES:
        header = (out / name).read_text().splitlines()[0].split(",")
        assert [column for file, column in explained if file == name] == header
    assert all(row["meaning"].endswith(".") and row["kind"] for row in rows(out / DICTIONARY))


def test_other_programs_get_their_files_and_what_they_cannot_get_is_told(tmp_path):
    study = made_study(tmp_path / "s", protocol(cases=2, labels=LABELS, phases=(Phase.BLIND,)), positive=("c01",))
    with Seat(study, "r1") as seat:
        while seat.standing.task is not None:
            seat.save_opinion(Opinion({Label.ANY: answer(70)}))
            seat.lock()
    (said,) = export(study, tmp_path / "out", PASSPHRASE)
    assert said.startswith("mrmc/subdural: not written: 2 answers are missing, the first of r1 for case c01 without")
    found = sorted(path.name for path in (tmp_path / "out" / "mrmc" / "any").iterdir())
    assert found == ["imrmc.imrmc", "mrmcaov.csv", "numbers.csv", "rjafroc.xlsx"]


def test_what_is_not_locked_does_not_count(tmp_path):
    study = made_study(tmp_path / "s", protocol(cases=2))
    with Seat(study, "r1") as seat:
        seat.save_opinion(says())
    export(study, tmp_path / "out", PASSPHRASE)
    assert rows(tmp_path / "out" / "labels.csv") == []


def test_an_export_needs_the_leads_passphrase(tmp_path):
    study = made_study(tmp_path / "s")
    with pytest.raises(StudyError, match="the passphrase does not fit"):
        export(study, tmp_path / "out", "battery staple")
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="cannot be created"):
        export(made_study(tmp_path / "s"), tmp_path / "file" / "out", PASSPHRASE)
