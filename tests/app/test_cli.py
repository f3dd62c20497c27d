"""The command line as a person uses it, mostly in this process; what starts a process checks the process."""

from __future__ import annotations

import csv
import functools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app import cli, program
from app.command_line import arguments
from app.session import Mode
from ihd_core import scan_checks
from ihd_core.model_file import save_model
from ihd_core.phantom import studies
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.toy import toy_hu, toy_info, toy_networks

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _toys_pass_for_heads(monkeypatch):
    """What is in the toy scans is no head, which the program would say of every one of them."""
    monkeypatch.setattr(scan_checks, "scan_warnings", lambda scan: ())


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_model(folder, toy_info(), **toy_networks(), card="# toy")
    return folder


@pytest.fixture
def scan_folder(tmp_path):
    write_series(tmp_path / "scan", toy_hu(12), spacing_mm=(5.0, 3.5, 3.5), series_uid="1.2.3.4")
    return tmp_path / "scan"


@pytest.fixture
def ihd(capsys):
    """Run ihd; gives (exit status, lines of standard output, lines of standard error)."""

    def run(*arguments):
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code
        written = capsys.readouterr()
        return status, written.out.splitlines(), written.err.splitlines()

    return run


def started(*arguments, **options):
    """Run ihd as a process of its own, with output buffered as usual."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "app", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, env=environment, text=True, check=False, **options)


def test_help_names_every_job(ihd):
    status, out, err = ihd("--help")
    assert (status, err) == (0, [])
    assert all(any(line.split()[:1] == [job] for line in out) for job in cli.JOBS)


@pytest.mark.parametrize("job", cli.JOBS)
def test_every_job_explains_itself(ihd, job):
    status, out, _ = ihd(job, "--help")
    assert status == 0
    assert out[0].startswith("usage: ihd")


def test_every_job_is_in_the_readme():
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert [job for job in cli.JOBS if f"`ihd {job}" not in readme and f"\nihd {job}" not in readme] == []


def test_the_version_is_the_top_of_the_changelog(ihd):
    status, out, _ = ihd("--version")
    assert status == 0
    version = out[0].removeprefix("ihd ")
    if version == "unknown":
        pytest.skip("the program is not installed here; `make test` installs it")
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert changelog.split("## ")[1].startswith(version)


def test_inspect_says_in_text_and_json_what_is_there(ihd, scan_folder):
    status, out, err = ihd("inspect", scan_folder)
    assert (status, err) == (0, [])
    assert any("12 slices" in line for line in out)
    status, out, err = ihd("inspect", "--json", scan_folder)
    assert (status, err) == (0, [])
    assert json.loads("\n".join(out))["chosen"]["uid"] == "1.2.3.4"


def test_predict_writes_what_it_was_asked_for_and_shows_a_bar(ihd, scan_folder, model_folder, tmp_path):
    status, out, err = ihd("predict", scan_folder, "--model", model_folder, "--out", tmp_path / "p.json")
    assert (status, out) == (0, [])
    assert "100%" in err[-1]
    assert len(json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["scans"]) == 1


def test_quiet_means_silent(ihd, scan_folder, model_folder, tmp_path):
    arguments = ("predict", scan_folder, "--model", model_folder, "--out", tmp_path / "p.csv", "--quiet")
    assert ihd(*arguments) == (0, [], [])
    assert (tmp_path / "p.csv").read_text(encoding="utf-8").startswith("series_uid,level,index,")


def test_an_unknown_ending_is_refused_before_any_work(ihd, tmp_path):
    status, _, err = ihd("predict", tmp_path / "absent", "--model", tmp_path / "none", "--out", tmp_path / "p.xlsx")
    assert status == 2
    assert len(err) == 1
    assert "p.xlsx" in err[0]
    assert ".json or .csv" in err[0]


def bad_inputs(folder):
    (folder / "empty").mkdir()
    (folder / "text.dcm").write_text("this is not DICOM")
    return {"empty folder": folder / "empty", "text file": folder / "text.dcm", "absent path": folder / "absent"}


@pytest.mark.parametrize("kind", ["empty folder", "text file", "absent path"])
@pytest.mark.parametrize("job", ["inspect", "predict"])
def test_bad_input_is_one_line_that_names_it(ihd, tmp_path, model_folder, job, kind):
    path = bad_inputs(tmp_path)[kind]
    options = ["--model", model_folder, "--out", tmp_path / "p.json"] if job == "predict" else []
    status, out, err = ihd(job, path, *options)
    assert (status, out) == (2, [])
    assert len(err) == 1
    assert path.name in err[0]
    assert not (tmp_path / "p.json").exists()


def test_one_bad_path_among_good_ones_is_named_and_the_good_ones_are_kept(ihd, scan_folder, model_folder, tmp_path):
    out = tmp_path / "p.json"
    status, _, err = ihd("predict", tmp_path / "absent", scan_folder, "--model", model_folder, "--out", out, "--quiet")
    assert status == 2
    assert len(err) == 1
    assert "absent" in err[0]
    assert len(json.loads(out.read_text(encoding="utf-8"))["scans"]) == 1


def test_a_damaged_model_is_one_line(ihd, scan_folder, tmp_path):
    save_model(tmp_path / "model", toy_info(), **toy_networks(), card="# toy")
    card = tmp_path / "model" / "MODEL_CARD.md"
    card.write_bytes(card.read_bytes().replace(b"toy", b"tox"))
    status, _, err = ihd("predict", scan_folder, "--model", tmp_path / "model", "--out", tmp_path / "p.json")
    assert status == 2
    assert len(err) == 1
    assert "MODEL_CARD.md" in err[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predict", "x"], "--out"),
        (["inspect"], "PATH"),
        (["phantom", "x", "--labels", "fracture"], "'fracture' is not one of epidural"),
        (["phantom", "x", "--labels", "any"], "'any' is not one of epidural"),
        (["phantom", "x", "--scans", "0"], "0 is less than 1"),
        (["phantom", "x", "--scans", "many"], "many"),
        (["phantom", "x", "--seed", "-1"], "-1"),
        (["demo", "--mode", "both"], "second-reader"),
        (["x", "--colour"], "--colour"),
    ],
)
def test_a_bad_call_is_one_line_with_status_2(ihd, arguments, said):
    status, out, err = ihd(*arguments)
    assert (status, out, len(err)) == (2, [], 1)
    assert said in err[0]


def test_a_message_of_several_lines_becomes_one(ihd, monkeypatch):
    def fail(options):
        raise cli.BadCall("one\ntwo")

    monkeypatch.setitem(cli.RUN, "inspect", fail)
    assert ihd("inspect", "x") == (2, [], ["ihd: one two"])


def test_a_bug_is_shown_in_full_with_status_1(ihd, monkeypatch):
    def fail(options):
        raise RuntimeError("a bug")

    monkeypatch.setitem(cli.RUN, "inspect", fail)
    status, _, err = ihd("inspect", "x")
    assert (status, err[0], err[-1]) == (1, "Traceback (most recent call last):", "RuntimeError: a bug")


def test_ctrl_c_ends_without_a_traceback(ihd, monkeypatch):
    def stop(options):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.RUN, "inspect", stop)
    assert ihd("inspect", "x") == (130, [], [])


@pytest.mark.parametrize("job", ["help", "inspect"])
def test_a_closed_pipe_is_no_error(scan_folder, job):
    reading, writing = os.pipe()
    os.close(reading)
    arguments = ["--help"] if job == "help" else ["inspect", scan_folder]
    run = started(*arguments, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_behind_the_output_is_one_line(scan_folder):
    with Path("/dev/full").open("w") as full:
        run = started("inspect", scan_folder, stdout=full, stderr=subprocess.PIPE)
    assert (run.returncode, run.stderr) == (2, "ihd: standard output: cannot be written (No space left on device)\n")


def test_a_window_without_a_display_is_refused_but_for_a_screenshot(ihd, monkeypatch, tmp_path):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    status, _, err = ihd(tmp_path)
    assert (status, len(err)) == (2, 1)
    assert "--screenshot" in err[0]


def test_the_window_gets_what_was_asked_for(ihd, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(program, "run_window", lambda options: asked.append(options) or 0)
    options = ("--model", "m", "--journal", "j.csv", "--reader", "R1", "--mode", "triage", "--screenshot", "s.png")
    assert ihd(tmp_path, "b", *options)[0] == 0
    assert ihd("open", "demo", "--screenshot", "s.png")[0] == 0
    first, second = asked
    assert first == program.WindowOptions(
        (tmp_path, Path("b")), Path("m"), Path("j.csv"), "R1", "triage", Path("s.png")
    )
    assert second == program.WindowOptions((Path("demo"),), screenshot=Path("s.png"))


def test_the_modes_are_those_of_the_window():
    assert list(arguments.MODES) == list(Mode)


@pytest.mark.parametrize(
    ("variables", "platform", "seen"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"DISPLAY": ":0", "QT_QPA_PLATFORM": "offscreen"}, "linux", False),
        ({"QT_QPA_PLATFORM": "minimal:x"}, "linux", False),
        ({"QT_QPA_PLATFORM": "vnc"}, "linux", True),
        ({}, "darwin", True),
        ({}, "win32", True),
    ],
)
def test_whether_there_is_a_display(monkeypatch, variables, platform, seen):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cli.sys, "platform", platform)
    assert cli.has_display() == seen


def test_it_answers_at_once():
    started("--help", stdout=subprocess.DEVNULL)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        started("--help", stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    # 0.07 s on an idle core; importing torch alone takes more than a second.
    assert min(times) < 0.8


def test_phantom_writes_studies_that_inspect_and_predict_take(ihd, model_folder, tmp_path, monkeypatch):
    small = functools.partial(studies.write_studies, size=96, slices=12)
    monkeypatch.setattr(studies, "write_studies", small)
    arguments = ("--scans", "2", "--seed", "5", "--labels", "subdural", "--quiet")
    assert ihd("phantom", tmp_path / "out", *arguments) == (0, [], [])
    truth = list(csv.DictReader((tmp_path / "out" / "truth.csv").read_text(encoding="utf-8").splitlines()))
    assert len(truth) == 24
    assert {row["any"] for row in truth} == {"0", "1"}
    assert all(row["any"] == row["subdural"] for row in truth)
    status, _, _ = ihd("predict", tmp_path / "out", "--model", model_folder, "--out", tmp_path / "p.json", "--quiet")
    assert status == 0
    predicted = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["scans"]
    assert {scan["series_uid"] for scan in predicted} == {row["series_uid"] for row in truth}
    places = {entry["sop_uid"]: entry["index"] for scan in predicted for entry in scan["slices"]}
    assert places == {row["sop_uid"]: int(row["index"]) for row in truth}


def test_none_means_scans_without_hemorrhage():
    assert cli.parser().parse_args(["phantom", "x", "--labels", "none"]).labels == ()
    assert cli.parser().parse_args(["phantom", "x"]).labels is None
    chosen = cli.parser().parse_args(["phantom", "x", "--labels", "Subdural, epidural"]).labels
    assert chosen == ("epidural", "subdural")


@pytest.mark.parametrize("name", ["ge_hispeed_tilt", "philips_ingenuity_phantom/S21570"])
def test_real_scans_go_through(ihd, shared_data, model_folder, tmp_path, name):
    path = shared_data / "head_ct" / name
    status, out, err = ihd("inspect", "--json", path)
    inspected = json.loads("\n".join(out))
    assert (status, err, inspected["geometry"]["slices"]) == (0, [], 28)
    status, _, _ = ihd("predict", path, "--model", model_folder, "--out", tmp_path / "p.json")
    assert status == 0
    (scan,) = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["scans"]
    assert scan["slice_count"] == 28
    assert [warning["code"] for warning in scan["warnings"]] == [w["code"] for w in inspected["warnings"]]
    positions = [entry["position_mm"] for entry in scan["slices"]]
    assert positions == sorted(positions)


@pytest.fixture
def wrapped_folder(tmp_path):
    """HU modulo 4096, as in files of the RSNA set."""
    stored = (toy_hu(12).clip(-1000, 3000) % 4096).astype("int16")
    tags = {"RescaleIntercept": "0"}
    options = {"intercept": 0, "bits_stored": 12, "spacing_mm": (5.0, 3.5, 3.5), "series_uid": "1.2.3.5", "tags": tags}
    write_series(tmp_path / "wrapped", stored, **options)
    return tmp_path / "wrapped"


def test_no_repair_shows_the_values_as_stored(ihd, wrapped_folder):
    lowest = {}
    for option in ((), ("--no-repair",)):
        status, out, err = ihd("inspect", "--json", wrapped_folder, *option)
        assert (status, err) == (0, [])
        lowest[option] = json.loads("\n".join(out))["hu"]["lowest"]
    hu = toy_hu(12).clip(-1000, 3000)
    assert lowest == {(): hu.min(), ("--no-repair",): (hu % 4096).min()}


def test_predict_without_the_repair_says_so_in_one_line(ihd, wrapped_folder, model_folder, tmp_path):
    call = ("predict", wrapped_folder, "--model", model_folder, "--out", tmp_path / "p.json", "--quiet")
    said = {option: [line for line in ihd(*call, *option)[2] if "RSNA" in line] for option in ((), ("--no-repair",))}
    assert [len(lines) for lines in said.values()] == [1, 1]
    assert said[()] != said["--no-repair",]


def test_the_window_is_told_not_to_repair(ihd, wrapped_folder, monkeypatch):
    seen = []
    monkeypatch.setattr(program, "run_window", lambda options: seen.append(options.repair) or 0)
    for option in ((), ("--no-repair",)):
        ihd("open", wrapped_folder, "--screenshot", "x.png", *option)
    assert seen == [True, False]


def test_inspect_looks_at_another_series_when_asked(ihd, scan_folder, wrapped_folder, tmp_path):
    status, out, _ = ihd("inspect", scan_folder, wrapped_folder, "--json")
    best = json.loads("\n".join(out))["chosen"]
    status, out, _ = ihd("inspect", scan_folder, wrapped_folder, "--series", "2", "--json")
    other = json.loads("\n".join(out))["chosen"]
    assert (status, best["place"], best["by"], other["place"], other["by"]) == (0, 1, "rank", 2, "place")
    assert {best["uid"], other["uid"]} == {"1.2.3.4", "1.2.3.5"}


@pytest.mark.parametrize(("number", "said"), [("9", "there is no series 9, the list has 1"), ("0", "0 is less than 1")])
def test_a_series_that_is_not_there_is_refused_in_one_line(ihd, scan_folder, number, said):
    status, out, err = ihd("inspect", scan_folder, "--series", number)
    assert (status, out, len(err)) == (2, [], 1)
    assert said in err[0]


@pytest.mark.parametrize("job", ["open", "inspect", "predict"])
def test_the_help_says_what_may_be_given_as_a_path(ihd, job):
    _, out, _ = ihd(job, "--help")
    text = " ".join(" ".join(out).split())
    for word in ("folder", "DICOM", "DICOMDIR", "ZIP", "NIfTI", "--no-repair"):
        assert word in text


def test_options_may_stand_between_paths(ihd, scan_folder):
    status, out, err = ihd("inspect", scan_folder, "--json", scan_folder / "001.dcm")
    assert (status, err) == (0, [])
    assert json.loads("\n".join(out))["series"][0]["slices"] == 12


def test_inspect_of_a_good_and_a_bad_input_says_so_and_fails(ihd, scan_folder, tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 and nothing more")
    status, out, err = ihd("inspect", scan_folder, tmp_path / "bad.zip")
    assert status == 2
    assert out[0] == "Series, best first:"
    (line,) = err
    assert line.startswith(f"ihd: {tmp_path / 'bad.zip'}: ")


def test_the_cache_is_shown_and_cleared(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("app.places.predictions_folder", lambda: tmp_path)
    (tmp_path / "a.prediction").write_bytes(bytes(2_000_000))
    assert cli.main(["cache"]) == 0
    assert "1 predictions kept, 2.0 MB" in capsys.readouterr().out
    assert cli.main(["cache", "clear"]) == 0
    assert "1 predictions removed" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_nobody_knows_is_refused(capsys, tmp_path):
    assert cli.main(["predict", str(tmp_path), "--out", "x.json", "--engine", "gpu"]) == 2
    assert "'gpu' is not one of auto, cuda" in capsys.readouterr().err
