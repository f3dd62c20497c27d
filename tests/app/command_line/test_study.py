"""`ihd study` as a lead uses it, from phantoms to tables."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

from app import cli
from app.command_line import study as study_options
from app.command_line import study_jobs
from ihd_core import model_info
from ihd_core.labels import Label
from ihd_core.model_file import TrainingData, save_model
from ihd_core.model_info import salted_sha256
from ihd_core.phantom.series_writer import write_series
from ihd_core.study import design, sealing
from ihd_core.study.seat import Seat
from ihd_core.study.study_folder import open_study
from tests.ihd_core.study.studies import predicted, read_all, says
from tests.ihd_core.toy import toy_hu, toy_info, toy_networks


@pytest.fixture(autouse=True)
def _cheap_seals(monkeypatch):
    monkeypatch.setattr(sealing, "COST", sealing.LEAST_COST)


@pytest.fixture
def ihd(capsys):
    """Run ihd study; gives (exit status, lines of standard output, lines of standard error)."""

    def run(*arguments):
        try:
            status = cli.main(["study", *(str(argument) for argument in arguments)])
        except SystemExit as stop:
            status = stop.code
        written = capsys.readouterr()
        return status, written.out.splitlines(), written.err.splitlines()

    return run


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Four toy scans, their truth, a passphrase, and a model made with series 1.2.4."""
    folder = tmp_path_factory.mktemp("material")
    for number in range(1, 5):
        hu = toy_hu(4, seed=number)
        write_series(folder / "scans" / f"c{number}", hu, spacing_mm=(5.0, 3.5, 3.5), series_uid=f"1.2.{number}")
    (folder / "cases.csv").write_text("case,path\n" + "".join(f"c{n},scans/c{n}\n" for n in range(1, 4)))
    (folder / "truth.csv").write_text("case,any,subdural\nc1,1,1\nc2,0,0\nc3,0,0\nc4,1,0\n")
    (folder / "secret").write_text("correct horse\n")
    training = TrainingData("test", "salt", training_series=(salted_sha256("salt", "1.2.4"),))
    save_model(folder / "model", toy_info(training=training), **toy_networks(), card="# toy")
    return folder


@pytest.fixture
def new(ihd, material, tmp_path):
    """Write a study; more options may be given."""

    def make(*options, cases="cases.csv", name="pilot"):
        given = ["--cases", material / cases, "--truth", material / "truth.csv", "--model", material / "model"]
        given += ["--passphrase-file", material / "secret", "--readers", "r1,r2", "--quiet", *options]
        return tmp_path / name, ihd("new", tmp_path / name, *given)

    return make


def test_the_choices_are_those_of_the_core():
    assert tuple(design.Design) == study_options.DESIGNS
    assert tuple(design.Phase) == study_options.PHASES
    assert (study_options.ENDPOINTS, study_options.MISSING) == (design.ENDPOINTS, design.MISSING)
    assert study_options.SETTINGS == model_info.SETTINGS


@pytest.mark.parametrize("job", list(study_jobs.JOBS))
def test_every_job_explains_itself(ihd, job):
    status, out, _ = ihd(job, "--help")
    assert (status, out[0].startswith(f"usage: ihd study {job}")) == (0, True)


def test_a_new_study_knows_its_scans_and_hides_what_is_true(new, material):
    path, (status, out, err) = new("--seed", "7", "--repeats", "1")
    assert status == 0
    assert "3 cases, 2 readers, sequential" in out[0]
    assert any(line.startswith("subdural") and line.split()[1:3] == ["1", "2"] for line in out)
    assert [line.split(":")[1].strip() for line in err] == ["any", "subdural"]
    plan = open_study(path).protocol
    assert [(one.name, one.scan_uid, one.slices) for one in plan.cases] == [(f"c{n}", f"1.2.{n}", 4) for n in (1, 2, 3)]
    assert (plan.seed, plan.repeats, plan.labels) == (7, 1, (Label.ANY, Label.SUBDURAL))
    assert plan.operating_points["scan"][Label.ANY] == pytest.approx(0.3)
    assert (path / "cases.csv").read_text().splitlines()[1] != ""
    assert open_study(path).paths()["c2"].resolve() == (material / "scans" / "c2").resolve()


def test_a_case_that_made_the_model_is_refused_or_marked(new, ihd, material, tmp_path):
    path, (status, _, err) = new(cases="scans")
    assert (status, len(err)) == (2, 1)
    assert "1 of 4 cases served to make the model toy (the first: c4); --allow-overlap" in err[0]
    assert not path.exists()
    path, (status, _, err) = new("--allow-overlap", cases="scans")
    assert status == 0
    assert "1 cases served to make the model (c4...)" in err[-1]
    out = tmp_path / "out"
    read_all(open_study(path), "r1")
    assert ihd("export", path, out, "--passphrase-file", material / "secret")[0] == 0
    with (out / "labels.csv").open(newline="") as file:
        assert {row["case"] for row in csv.DictReader(file) if row["overlap"] == "training"} == {"c4"}


def test_the_whole_study_by_command(new, ihd, material, tmp_path):
    path, _ = new("--design", "paper", "--seed", "7")
    secret = ("--passphrase-file", material / "secret")
    status, out, _ = ihd("order", path, "--reader", "r1")
    assert (status, len(out)) == (0, 2 + 1 + 3)
    study = open_study(path)
    read_all(study, "r1", lambda case, _: says(any=90, subdural=90) if case == "c1" else says())
    copy = shutil.copytree(path, tmp_path / "copy")
    read_all(open_study(copy), "r2")
    status, _, err = ihd("open", path, "reveal", *secret)
    assert (status, err) == (2, ["ihd: reveal: comes after all reading, and r2 has not locked every case"])
    assert ihd("merge", path, copy)[1] == [f"r2.csv: 9 rows from {copy / 'journals'}"]
    assert ihd("merge", path, copy)[1] == ["nothing new"]
    assert ihd("open", path, "reveal", *secret)[1] == ["reveal is open: 2 labels that readers got wrong"]
    assert ihd("status", path)[1][1:] == [
        line for line in ihd("status", path)[1][1:] if "c1" not in line and "yes" not in line
    ]
    with Seat(study, "r1") as seat:
        seat.lock()
    status, out, _ = ihd("check", path)
    assert (status, len(out)) == (0, 3)
    assert ihd("export", path, tmp_path / "out", *secret)[0] == 0
    assert len((tmp_path / "out" / "labels.csv").read_text().splitlines()) == 1 + 2 * 3 * 2
    record = study.journal("r1")
    record.write_bytes(record.read_bytes().replace(b",90,", b",10,", 1))
    status, _, err = ihd("check", path, record)
    assert status == 2
    assert any("changed after it was written" in line for line in err)


def test_rating_prints_its_rule(new, ihd, material, tmp_path):
    path, _ = new("--phases", "blind,rating")
    study = open_study(path)
    for reader in ("r1", "r2"):
        read_all(study, reader)
    results = predicted(tmp_path / "p.json", study)
    described = json.loads(results.read_text())
    assert described["scans"][0]["series_uid"] == "1.2.1"
    status, out, _ = ihd("open", path, "rating", "--predictions", results, "--passphrase-file", material / "secret")
    assert status == 0
    assert "0 of 3 cases have slice truth" in "\n".join(out)
    assert out[-1].startswith("rating is open: ")


def test_an_amendment_is_told(new, ihd):
    path, _ = new()
    assert ihd("amend", path, "--reason", "more", "--add-readers", "r3")[1] == ["version 2 is in force: more"]
    assert "version 2" in ihd("status", path)[1][0]
    status, _, err = ihd("amend", path, "--reason", "none")
    assert (status, "nothing is to be changed" in err[0]) == (2, True)


def test_select_draws_prints_and_writes(ihd, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("case,any\n" + "".join(f"c{n},{int(n < 40)}\n" for n in range(100)))
    status, out, err = ihd("select", table, "--count", "50", "--minimum", "31", "--out", tmp_path / "truth.csv")
    assert (status, err) == (0, [])
    assert out[0] == "50 of 100 cases, seed 0"
    assert int(out[2].split()[1]) >= 31
    assert len((tmp_path / "truth.csv").read_text().splitlines()) == 51
    assert "fewer than 30" in ihd("select", table, "--count", "10")[2][0]


def test_a_foreign_table_is_imported(ihd, tmp_path):
    (tmp_path / "t.csv").write_text("id,a\nc1,1\n")
    (tmp_path / "n.toml").write_text('case = "id"\n[readers.r1]\nany = "a"\n')
    said = ihd("import", tmp_path / "t.csv", tmp_path / "n.toml", tmp_path / "out.csv")
    assert said == (0, [f"1 rows in {tmp_path / 'out.csv'}"], [])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status", "absent"], "protocol.toml: cannot be read"),
        (["check", "absent.csv"], "absent.csv: cannot be read"),
        (["export", "absent", "out"], "protocol.toml: cannot be read"),
        (["new", "s", "--cases", "absent", "--truth", "t", "--readers", "r1"], "passphrase is needed"),
        (["open", "s", "blind"], "invalid choice"),
        (["select", "absent.csv"], "absent.csv: cannot be read"),
        (["import", "a.csv", "b.toml", "c.csv"], "b.toml: cannot be read"),
    ],
)
def test_what_is_wrong_is_one_line_with_status_2(ihd, arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = ihd(*arguments)
    assert (status, out, len(err)) == (2, [], 1)
    assert said in err[0]


def test_a_passphrase_can_be_typed_and_must_be_typed_twice_for_a_new_study(monkeypatch):
    typed = iter(["one phrase", "one phrase", "one phrase", "another"])
    monkeypatch.setattr(study_jobs.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(study_jobs, "getpass", lambda prompt: next(typed))
    assert study_jobs.passphrase(None, twice=True) == "one phrase"
    with pytest.raises(study_jobs.BadCall, match="differ"):
        study_jobs.passphrase(None, twice=True)
