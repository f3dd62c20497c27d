from __future__ import annotations

import csv
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from app.command_line.batch import How, predict_to_files, series_folder, write_sheets
from ihd_core import scan_checks
from ihd_core.errors import Cancelled, FileError, ModelFileError
from ihd_core.heatmaps.contact_sheet import SheetChoice
from ihd_core.labels import DISPLAY_ORDER
from ihd_core.model_file import save_model
from ihd_core.phantom.series_writer import write_series
from ihd_core.scan import ScanWarning
from ihd_core.scan_checks import scan_warnings
from ihd_core.windowing import BRAIN
from tests.ihd_core.toy import toy_hu, toy_info, toy_networks, toy_prediction, toy_scan


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_model(folder, toy_info(), **toy_networks(), card="# toy")
    return folder


@pytest.fixture(autouse=True)
def _toys_pass_for_heads(monkeypatch):
    """What is in the toy scans is no head, which the program would say of every one of them."""
    monkeypatch.setattr(scan_checks, "scan_warnings", lambda scan: ())


def study(folder, name, *, slices=12, seed=0):
    tags = {"StudyInstanceUID": f"1.2.840.{seed}", "PatientID": name, "SeriesDescription": name}
    write_series(folder, toy_hu(slices, 64, seed), spacing_mm=(5.0, 3.5, 3.5), series_uid=f"1.2.841.{seed}", tags=tags)
    return folder


def test_one_study_becomes_json_csv_and_a_picture_a_slice_and_label(tmp_path, model_folder):
    path = study(tmp_path / "in", "one")
    outputs = [tmp_path / "new" / "p.json", tmp_path / "new" / "p.csv"]
    steps = []
    outcome = predict_to_files(
        [path], model_folder, outputs, tmp_path / "maps", report=lambda done, total: steps.append((done, total))
    )
    assert (outcome.remarks, outcome.failed) == ([], [])
    (scan,) = json.loads(outputs[0].read_text(encoding="utf-8"))["scans"]
    assert (scan["series_uid"], scan["slice_count"]) == ("1.2.841.0", 12)
    assert [entry["index"] for entry in scan["slices"]] == list(range(12))
    assert scan["scan"]["any"] == max(entry["bilstm"]["any"] for entry in scan["slices"])
    rows = list(csv.DictReader(outputs[1].read_text(encoding="utf-8").splitlines()))
    assert [row["level"] for row in rows] == ["slice"] * 12 + ["scan"]
    assert float(rows[3]["cnn_subdural"]) == scan["slices"][3]["cnn"]["subdural"]
    expected = {f"{index}_{label}.png" for index in range(12) for label in DISPLAY_ORDER}
    found = {path.name for path in (tmp_path / "maps" / "1.2.841.0").iterdir()}
    assert {name for name in found if not name.startswith("sheet_")} == expected
    assert cv2.imread(str(tmp_path / "maps" / "1.2.841.0" / "0_any.png")).shape[2] == 3
    assert steps[-1] == (24, 24)
    assert steps == sorted(steps)


def test_every_study_of_a_path_gives_its_best_series_and_the_rest_is_named(tmp_path, model_folder):
    study(tmp_path / "in" / "a", "first", seed=1)
    study(tmp_path / "in" / "b", "second", seed=2)
    same_study = {"StudyInstanceUID": "1.2.840.2", "PatientID": "second", "SeriesDescription": "short"}
    write_series(tmp_path / "in" / "c", toy_hu(4), spacing_mm=(5.0, 3.5, 3.5), series_uid="1.2.841.9", tags=same_study)
    (tmp_path / "in" / "notes.txt").write_text("nothing")
    outcome = predict_to_files([tmp_path / "in"], model_folder, [tmp_path / "p.json"])
    assert sorted(result.series_uid for result in outcome.results) == ["1.2.841.1", "1.2.841.2"]
    assert outcome.failed == []
    assert len(outcome.remarks) == 2
    assert "notes.txt" in outcome.remarks[0]
    assert "short" in outcome.remarks[1]


@pytest.mark.parametrize("names", [["", "001.dcm", ""], ["001.dcm", ""], ["", "001.dcm"]])
def test_the_same_series_named_twice_is_predicted_once_and_whole(tmp_path, model_folder, names):
    path = study(tmp_path / "in", "one")
    outcome = predict_to_files([path / name for name in names], model_folder, [tmp_path / "p.json"])
    assert [(result.series_uid, len(result.slice_uids)) for result in outcome.results] == [("1.2.841.0", 12)]
    assert outcome.failed == []


def test_slices_named_one_by_one_are_one_scan(tmp_path, model_folder):
    slices = sorted(study(tmp_path / "in", "one").iterdir())
    outcome = predict_to_files(slices, model_folder, [tmp_path / "p.json"])
    assert [len(result.slice_uids) for result in outcome.results] == [12]
    assert (outcome.remarks, outcome.failed) == ([], [])


def test_halves_of_a_series_in_two_folders_are_not_taken_for_copies(tmp_path, model_folder):
    slices = sorted(study(tmp_path / "in", "one").iterdir())
    (tmp_path / "rest").mkdir()
    for path in slices[6:]:
        path.rename(tmp_path / "rest" / path.name)
    outcome = predict_to_files([tmp_path / "in", tmp_path / "rest"], model_folder, [tmp_path / "p.json"])
    assert [len(result.slice_uids) for result in outcome.results] == [6]
    (failed,) = outcome.failed
    assert failed.startswith(f"{tmp_path / 'rest'}: ")
    assert "other slices of the same series UID" in failed


def test_scans_without_a_study_uid_are_no_one_study(tmp_path, model_folder):
    for seed, name in enumerate(("first", "second")):
        tags = {"StudyInstanceUID": None, "PatientID": name}
        options = {"spacing_mm": (5.0, 3.5, 3.5), "series_uid": f"1.2.841.{seed}", "tags": tags}
        write_series(tmp_path / "in" / name, toy_hu(12, 64, seed), **options)
    outcome = predict_to_files([tmp_path / "in"], model_folder, [tmp_path / "p.json"])
    assert sorted(result.series_uid for result in outcome.results) == ["1.2.841.0", "1.2.841.1"]


def test_a_bad_path_costs_the_others_nothing(tmp_path, model_folder):
    good = study(tmp_path / "in", "one")
    (tmp_path / "broken.dcm").write_text("not an image")
    outcome = predict_to_files(
        [tmp_path / "absent", good, tmp_path / "broken.dcm"], model_folder, [tmp_path / "p.json"]
    )
    assert [len(outcome.results), len(outcome.failed)] == [1, 2]
    assert "absent" in outcome.failed[0]
    assert "broken.dcm" in outcome.failed[1]
    assert len(json.loads((tmp_path / "p.json").read_text())["scans"]) == 1


def test_a_slice_that_cannot_be_read_is_said_and_the_others_are_predicted(tmp_path, model_folder):
    path = study(tmp_path / "in", "one")
    broken = path / "005.dcm"
    broken.write_bytes(broken.read_bytes()[:-1000])
    outcome = predict_to_files([path], model_folder, [tmp_path / "p.csv"])
    assert outcome.failed == []
    assert len(outcome.results[0].slice_uids) == 11
    assert any("005.dcm" in remark for remark in outcome.remarks)


def test_pictures_of_an_earlier_run_do_not_pass_for_this_ones(tmp_path, model_folder):
    path, maps = study(tmp_path / "in", "one", slices=3), tmp_path / "maps" / "1.2.841.0"
    predict_to_files([path], model_folder, [tmp_path / "p.json"], tmp_path / "maps")
    (maps / "9_notes.png").write_text("the user's own")
    (path / "003.dcm").unlink()
    predict_to_files([path], model_folder, [tmp_path / "p.json"], tmp_path / "maps")
    expected = {f"{index}_{label}.png" for index in range(2) for label in DISPLAY_ORDER}
    sheets = {path.name for path in maps.glob("sheet_*.png")}
    assert {path.name for path in maps.iterdir()} - sheets == expected | {"9_notes.png"}


def test_pictures_that_cannot_be_written_cost_no_number(tmp_path, model_folder):
    path = study(tmp_path / "in", "one")
    (tmp_path / "file").write_text("")
    outcome = predict_to_files([path], model_folder, [tmp_path / "p.json"], tmp_path / "file" / "maps")
    assert len(outcome.failed) == 1
    assert "file" in outcome.failed[0]
    assert len(json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["scans"]) == 1


def test_when_everything_fails_an_earlier_result_stays(tmp_path, model_folder):
    (tmp_path / "p.json").write_text("earlier")
    (tmp_path / "empty").mkdir()
    assert predict_to_files([tmp_path / "empty"], model_folder, [tmp_path / "p.json"]).results == []
    assert (tmp_path / "p.json").read_text() == "earlier"


def test_sagittal_slices_are_refused_with_a_reason(tmp_path, model_folder):
    sagittal = np.array([[0.0, 1, 0], [0, 0, -1], [1, 0, 0]])
    write_series(tmp_path / "in", toy_hu(12), spacing_mm=(5.0, 3.5, 3.5), orientation=sagittal)
    outcome = predict_to_files([tmp_path / "in"], model_folder, [tmp_path / "p.json"])
    assert len(outcome.failed) == 1
    assert "sagittal" in outcome.failed[0]


def test_a_changed_byte_in_the_model_stops_before_any_file_is_looked_at(tmp_path):
    save_model(tmp_path / "model", toy_info(), **toy_networks(), card="# toy")
    weights = tmp_path / "model" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"weights\.safetensors"):
        predict_to_files([tmp_path / "absent"], tmp_path / "model", [tmp_path / "p.json"])


def test_a_place_that_cannot_be_written_is_found_before_the_work(tmp_path, model_folder):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="file"):
        predict_to_files([tmp_path / "absent"], model_folder, [tmp_path / "file" / "p.json"])


def test_stopping_writes_nothing(tmp_path, model_folder):
    path = study(tmp_path / "in", "one")

    def stop(done, total):
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        predict_to_files([path], model_folder, [tmp_path / "p.json"], report=stop)
    assert not (tmp_path / "p.json").exists()


@pytest.mark.parametrize(
    ("uid", "folder"),
    [
        ("1.2.840.113619", "1.2.840.113619"),
        ("../../etc", "etc"),
        ("1/2\\3", "1_2_3"),
        ("..", "_"),
        ("", "_"),
    ],
)
def test_a_series_uid_names_one_folder_and_never_a_way_out(uid, folder):
    name = series_folder(uid)
    assert "/" not in name
    assert "\\" not in name
    assert name.endswith(folder)


SAGITTAL = np.array([[0.0, 1, 0], [0, 0, -1], [1, 0, 0]])


def test_the_best_series_that_the_network_may_get_is_predicted(tmp_path, model_folder):
    tags = {"StudyInstanceUID": "1.2.840.5", "PatientID": "P"}
    options = {"spacing_mm": (5.0, 3.5, 3.5), "tags": {**tags, "SeriesDescription": "sagittal"}}
    write_series(tmp_path / "in" / "a", toy_hu(20), orientation=SAGITTAL, series_uid="1.2.841.1", **options)
    options["tags"] = {**tags, "SeriesDescription": "short"}
    write_series(tmp_path / "in" / "b", toy_hu(4), series_uid="1.2.841.2", **options)
    outcome = predict_to_files([tmp_path / "in"], model_folder, [tmp_path / "p.json"])
    assert [result.series_uid for result in outcome.results] == ["1.2.841.2"]
    assert outcome.failed == []
    (line,) = [remark for remark in outcome.remarks if "left out" in remark]
    assert "sagittal" in line.split("not predicted: ")[1]


def test_one_series_of_two_patients_is_predicted_for_neither_and_both_are_named(tmp_path, model_folder):
    for number, patient in enumerate(("P1", "P2")):
        hu = toy_hu(12, 64, number)
        uids = [f"1.2.842.{number}.{index}" for index in range(12)]
        options = {"spacing_mm": (5.0, 3.5, 3.5), "slice_uids": uids, "tags": {"PatientID": patient}}
        write_series(tmp_path / "in" / patient, hu, series_uid="1.2.842", **options)
    outcome = predict_to_files([tmp_path / "in"], model_folder, [tmp_path / "p.json"])
    assert outcome.results == []
    assert len(outcome.failed) == 2
    assert all("P1" in line and "P2" in line and "\n" not in line for line in outcome.failed)
    assert all(line.startswith(f"{tmp_path / 'in'}: ") for line in outcome.failed)
    assert not (tmp_path / "p.json").exists()


def test_without_the_repair_the_values_are_taken_as_stored(tmp_path, model_folder):
    hu = toy_hu(12).clip(-1000, 3000)
    stored = (hu % 4096).astype(np.int16)
    options = {"intercept": 0, "bits_stored": 12, "spacing_mm": (5.0, 3.5, 3.5), "tags": {"RescaleIntercept": "0"}}
    write_series(tmp_path / "in", stored, **options)
    codes = {}
    for repair in (True, False):
        outcome = predict_to_files([tmp_path / "in"], model_folder, [tmp_path / "p.json"], how=How(repair=repair))
        (scan,) = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["scans"]
        codes[repair] = {warning["code"]: warning["values"] for warning in scan["warnings"]}
        assert any("RSNA repair" in remark for remark in outcome.remarks)
    assert codes[True]["rsna-repair"]["slices"] == 12
    assert "rsna-repair" not in codes[False]


@pytest.mark.parametrize("path", ["transfer_syntaxes/CTImage.dcm", "head_ct/philips_ingenuity_phantom/S21570/S2010"])
def test_of_a_chest_and_of_a_test_object_no_result_is_given(tmp_path, model_folder, monkeypatch, shared_data, path):
    monkeypatch.setattr(scan_checks, "scan_warnings", scan_warnings)
    outcome = predict_to_files([shared_data / path], model_folder, [tmp_path / "p.json"])
    (scan,) = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["scans"]
    assert scan["scan"] is None
    assert "does not look like a head" in scan["withheld"]
    assert any("no result is given for the scan" in line for line in outcome.remarks)


def test_of_what_has_no_result_no_heatmap_is_written(tmp_path, model_folder, monkeypatch):
    few = ScanWarning("part-of-a-head", "Only 15 mm of a head are shown")
    monkeypatch.setattr(scan_checks, "scan_warnings", lambda scan: (few,))
    path = study(tmp_path / "in", "one")
    outcome = predict_to_files([path], model_folder, [tmp_path / "p.json"], heatmaps=tmp_path / "maps")
    (scan,) = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["scans"]
    assert {one["cnn"] for one in scan["slices"]} == {None}
    assert not list(tmp_path.rglob("*.png"))
    assert any("and no heatmap" in line for line in outcome.remarks)


def test_sheets_of_an_earlier_run_go_where_nothing_is_above_the_operating_points(tmp_path):
    scan = toy_scan()
    made = toy_prediction(scan)
    high, low = (replace(made, slices=np.full_like(made.slices, p)) for p in (0.99, 0.0))
    files = write_sheets(tmp_path / "sheets", scan, high, SheetChoice("paper", BRAIN))
    assert [file.name for file in files] == [f"sheet_{number}.png" for number in range(1, 6)]  # 36 pictures, 8 a page
    assert all(file.stat().st_size for file in files)
    assert write_sheets(tmp_path / "sheets", scan, low, SheetChoice("paper", BRAIN)) == []
    assert not list(tmp_path.rglob("*.png"))


def test_what_the_checks_say_of_a_scan_is_in_its_result_and_told(tmp_path, model_folder, monkeypatch):
    monkeypatch.setattr(scan_checks, "scan_warnings", scan_warnings)
    path = study(tmp_path / "in", "one")
    outcome = predict_to_files([path], model_folder, [tmp_path / "p.json"])
    (scan,) = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["scans"]
    assert "age-unknown" in [warning["code"] for warning in scan["warnings"]]
    assert any("the age of the patient is unknown" in line for line in outcome.remarks)


def copies(tmp_path, *, slices=12):
    first = study(tmp_path / "first", "one", slices=slices)
    second = study(tmp_path / "second", "one", slices=slices)
    return first, second


@pytest.mark.parametrize("torn_first", [True, False])
def test_of_two_copies_the_one_whose_slices_are_whole_is_predicted_wherever_it_stands(
    tmp_path, model_folder, torn_first
):
    torn, whole = copies(tmp_path)
    for name in ("005.dcm", "006.dcm"):
        (torn / name).write_bytes((torn / name).read_bytes()[:-1000])
    paths = [torn, whole] if torn_first else [whole, torn]
    outcome = predict_to_files(paths, model_folder, [tmp_path / "p.json"])
    assert [len(result.slice_uids) for result in outcome.results] == [12]
    (line,) = outcome.remarks
    assert line.startswith(f"{torn}: left out one")
    assert line.endswith(f"a copy of it in {whole} was chosen")
    assert outcome.failed == []


def test_of_equal_copies_the_first_is_predicted_and_the_other_named(tmp_path, model_folder):
    first, second = copies(tmp_path)
    outcome = predict_to_files([first, second], model_folder, [tmp_path / "p.json"])
    (line,) = outcome.remarks
    assert line.startswith(f"{second}: left out one")
    assert line.endswith(f"a copy of it in {first} was chosen")


def test_a_copy_with_a_file_that_cannot_be_read_counts_as_less(tmp_path, model_folder):
    first, second = copies(tmp_path)
    (first / "x.dcm").write_bytes((first / "001.dcm").read_bytes()[:400])
    outcome = predict_to_files([first, second], model_folder, [tmp_path / "p.json"])
    assert any(line.endswith(f"a copy of it in {second} was chosen") for line in outcome.remarks)


def test_warnings_name_their_scan_and_are_said_once(tmp_path, model_folder, monkeypatch):
    twice = (ScanWarning("x", "Said twice"), ScanWarning("x", "Said twice"))
    monkeypatch.setattr(scan_checks, "scan_warnings", lambda scan: twice)
    for seed, name in ((1, "A^Jo"), (2, "B^Ri")):
        tags = {"PatientName": name, "PatientID": name, "StudyDate": "20200131", "StudyInstanceUID": f"1.2.{seed}"}
        tags |= {"SeriesDescription": "Head", "SeriesNumber": "3"}
        write_series(
            tmp_path / "in" / name, toy_hu(6, 64, seed), spacing_mm=(5.0, 3.5, 3.5), series_uid=f"1.{seed}", tags=tags
        )
    outcome = predict_to_files([tmp_path / "in"], model_folder, [tmp_path / "p.json"])
    assert sorted(outcome.remarks) == [
        f"{tmp_path / 'in'}: A Jo 20200131, Head (series 3): Said twice",
        f"{tmp_path / 'in'}: B Ri 20200131, Head (series 3): Said twice",
    ]


def test_an_input_that_cannot_be_read_fails_beside_one_that_can(tmp_path, model_folder):
    good = study(tmp_path / "in", "one")
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 and nothing more")
    files = [*sorted(good.iterdir()), tmp_path / "bad.zip"]
    outcome = predict_to_files(files, model_folder, [tmp_path / "p.json"])
    assert len(outcome.results) == 1
    (line,) = outcome.failed
    assert line.startswith(f"{tmp_path / 'bad.zip'}: ")
    assert not any("bad.zip" in remark for remark in outcome.remarks)


def test_values_that_wrap_around_are_not_judged_but_their_headers_are(tmp_path, model_folder, monkeypatch):
    found = tuple(ScanWarning(code, code) for code in ("metal", "motion", "contrast-agent"))
    monkeypatch.setattr(scan_checks, "scan_warnings", lambda scan: found)
    stored = (toy_hu(12).clip(-1000, 3000) % 4096).astype(np.int16)
    options = {"intercept": 0, "bits_stored": 12, "spacing_mm": (5.0, 3.5, 3.5), "tags": {"RescaleIntercept": "0"}}
    write_series(tmp_path / "in", stored, **options)
    codes = {}
    for repair in (True, False):
        predict_to_files([tmp_path / "in"], model_folder, [tmp_path / "p.json"], how=How(repair=repair))
        (scan,) = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["scans"]
        codes[repair] = {warning["code"] for warning in scan["warnings"]}
    assert codes[True] >= {"metal", "motion", "contrast-agent"}
    assert codes[False] & {"metal", "motion", "contrast-agent"} == {"contrast-agent"}
    assert "rsna-repair-off" in codes[False]


def test_an_engine_and_a_cache_change_nothing_that_is_written_but_its_name(tmp_path, model_folder):
    from ihd_core.prediction_cache import PredictionCache

    write_series(tmp_path / "in", toy_hu(), spacing_mm=(5.0, 3.5, 3.5), series_uid="1.2.3")
    cache = PredictionCache(tmp_path / "cache")
    written = []
    for number, how in enumerate(
        (
            How(),
            How(cache=cache),
            How(cache=cache),
            How(engine="onnxruntime fp32", memory=tmp_path / "engines.json"),
        )
    ):
        out = tmp_path / f"{number}.json"
        assert predict_to_files([tmp_path / "in"], model_folder, [out], how=how).failed == []
        written.append(json.loads(out.read_text(encoding="utf-8"))["scans"][0])
    assert written[1] == written[2] == written[0]
    assert cache.size()[0] == 1
    assert (written[0].pop("engine"), written[3].pop("engine")) == ("torch fp32", "onnxruntime fp32")
    here, there = (
        np.array([list(one["cnn"].values()) for one in result["slices"]]) for result in (written[0], written[3])
    )
    assert np.abs(here - there).max() < 1e-3


def test_an_engine_that_cannot_be_used_is_named_once_and_costs_no_result(tmp_path, model_folder, monkeypatch):
    import sys

    write_series(tmp_path / "in", toy_hu(), spacing_mm=(5.0, 3.5, 3.5), series_uid="1.2.3")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    out = tmp_path / "p.json"
    outcome = predict_to_files([tmp_path / "in"], model_folder, [out], how=How(engine="onnxruntime fp32"))
    assert sum("ONNX Runtime fp32" in line and "torch fp32 is used" in line for line in outcome.remarks) == 1
    assert json.loads(out.read_text(encoding="utf-8"))["scans"][0]["engine"] == "torch fp32"
