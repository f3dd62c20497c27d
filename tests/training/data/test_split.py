"""Roles of scans, against what each method promises, on tables of invented scans."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from ihd_core.errors import FileError
from ihd_core.labels import LABELS
from training.config import RunConfig, SplitConfig
from training.data.index import TABLE
from training.data.slice_table import UNKNOWN, SliceTable, write_table
from training.data.split import ROLES, make_split, roles
from training.run_folder import RunFolder

PREVALENCE = np.array([0.05, 0.24, 0.17, 0.18, 0.17])


def invented_table(seed=1, patients=120, *, slices=4, unlabelled=0):
    """Patients with one to four scans in studies of their own; the last scans are unlabelled."""
    random = np.random.default_rng(seed)
    of_patient = [patient for patient in range(patients) for _ in range(random.choice([1, 1, 2, 4]))]
    names = random.permutation(len(of_patient) * slices).reshape(-1, slices)
    rows = []
    for scan, patient in enumerate(of_patient):
        truth = (random.random((slices, 5)) < PREVALENCE * random.choice([0.1, 1.0])).astype(np.int8)
        truth = np.c_[truth, truth.max(axis=1)]
        if scan >= len(of_patient) - unlabelled:
            truth[:] = UNKNOWN
        for place in range(slices):
            name = f"ID_{names[scan, place]:09d}"
            rows.append(
                (name, f"{name}.dcm", f"P{patient}", f"T{scan}", f"S{scan}", f"S{scan}", 5.0 * place, truth[place],
                 truth.max(axis=0))
            )  # fmt: skip
    columns = list(zip(*rows, strict=True))
    return SliceTable(*(np.array(one) for one in columns))


def run_of(folder, table, *, seed=1, **split):
    run = RunFolder(folder, replace(RunConfig(), seed=seed, split=SplitConfig(**split)))
    write_table(run.begin("index") / TABLE, table)
    run.finish("index", data_sha256="invented")
    return run


def roles_of_scans(run, table, fold=0):
    """Role of every scan by name, once it is sure that no slice differs from the first."""
    found = {}
    for uid, role in zip(table.scans.tolist(), roles(run, table, fold).tolist(), strict=True):
        assert found.setdefault(uid, ROLES[role]) == ROLES[role]
    return found


def patient_of(table):
    return dict(zip(table.scans.tolist(), table.patients.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(6))
def test_a_patient_has_one_role_and_every_role_its_share(tmp_path, seed):
    table = invented_table(seed)
    shares = {"validation": 0.2, "test": 0.25, "sequence": 0.3 * 0.55, "train": 0.7 * 0.55}
    run = run_of(tmp_path, table, validation_share=0.2, test_share=0.25, sequence_share=0.3)
    make_split(run)
    found = roles_of_scans(run, table)
    patients = {}
    for scan, patient in patient_of(table).items():
        patients.setdefault(patient, set()).add(found[scan])
    assert {len(held) for held in patients.values()} == {1}
    for role, share in shares.items():
        assert abs(list(found.values()).count(role) - share * len(found)) <= 4, "of the largest patient"


@pytest.mark.parametrize("seed", range(6))
def test_every_label_is_as_frequent_in_every_role(tmp_path, seed):
    table = invented_table(seed, patients=400)
    run = run_of(tmp_path, table, validation_share=0.2, test_share=0.2)
    make_split(run)
    starts = table.scan_starts()
    role, truth = roles(run, table, 0)[starts], table.scan_truth[starts]
    for number in (0, 2, 3):
        inside = truth[role == number]
        assert np.abs(inside.mean(axis=0) - truth.mean(axis=0)).max() < 4 / len(inside), "one patient, and no more"


def test_with_folds_every_patient_outside_the_test_is_validated_once(tmp_path):
    table = invented_table(patients=60)
    run = run_of(tmp_path, table, folds=4, test_share=0.2, sequence_share=0.25)
    make_split(run)
    each = [roles_of_scans(run, table, fold) for fold in range(4)]
    tested = {scan for scan, role in each[0].items() if role == "test"}
    for scan in each[0]:
        held = [found[scan] for found in each]
        if scan in tested:
            assert held == ["test"] * 4
        else:
            assert held.count("validation") == 1
            assert len(set(held) - {"validation"}) == 1, "for the BiLSTM alone in all folds or in none"
    for found in each:
        sides = {role: {patient_of(table)[s] for s in found if found[s] == role} for role in ROLES}
        assert not sides["validation"] & (sides["train"] | sides["sequence"] | sides["test"])
        assert not sides["train"] & sides["sequence"]
        assert not tested & {s for s in found if found[s] != "test"}


def test_equal_seeds_split_alike_and_others_differ(tmp_path):
    table = invented_table()
    found = []
    for number, seed in enumerate((5, 5, 6)):
        run = run_of(tmp_path / str(number), table, seed=seed, validation_share=0.3, test_share=0.0)
        make_split(run)
        found.append(roles_of_scans(run, table))
    assert found[0] == found[1] != found[2]


def test_scans_without_patient_stay_with_their_study(tmp_path):
    """Three scans a study, the first without PatientID: nothing but the study joins it to its patient."""
    table = invented_table(patients=40, slices=1)
    table = table.rows(np.arange(len(table) // 3 * 3))
    number = np.arange(len(table))
    studies = np.array([f"T{i // 3}" for i in number])
    patients = np.where(number % 3 == 0, "", np.array([f"P{i // 3}" for i in number]))
    table = replace(table, studies=studies, patients=patients)
    run = run_of(tmp_path, table, validation_share=0.3, test_share=0.3)
    make_split(run)
    found = roles(run, table, 0)
    for study in set(studies.tolist()):
        assert len(set(found[studies == study].tolist())) == 1
    with (run.folder("split") / "split.csv").open() as file:
        named = [row["patient"] for row in csv.DictReader(file)]
    assert named == [f"P{i // 3}" for i in number]


def test_slices_and_scans_without_labels_are_never_fitted(tmp_path):
    table = invented_table(unlabelled=10)
    table.truth[0, 2] = UNKNOWN
    run = run_of(tmp_path, table, validation_share=0.2, test_share=0.2)
    make_split(run)
    found = roles(run, table, 0)
    last = set(table.scans[table.scan_starts()][-10:].tolist())
    for row, role in enumerate(found.tolist()):
        if table.scans[row] in last:
            assert ROLES[role] == "unlabelled"
        elif row != 0:
            assert ROLES[role] != "unlabelled"
    assert ROLES[found[0]] not in {"train", "sequence"}


def test_scans_labelled_as_a_whole_are_judged_on_and_never_fitted(tmp_path):
    table = invented_table()
    table.truth[:] = UNKNOWN
    run = run_of(tmp_path, table, validation_share=0.3, test_share=0.3)
    make_split(run)
    assert {ROLES[role] for role in roles(run, table, 0)} == {"validation", "test", "unlabelled"}


def test_series_order_holds_out_the_last_scans_by_the_names_of_their_first_files(tmp_path):
    table = invented_table(patients=80)
    run = run_of(tmp_path, table, method="series-order", validation_share=0.25, test_share=0.0)
    make_split(run)
    found = roles_of_scans(run, table)
    first = {}
    for scan, file in zip(table.scans.tolist(), table.files.tolist(), strict=True):
        first[scan] = min(first.get(scan, file), file)  # names of one length sort as numbers do
    in_order = sorted(first, key=first.get)
    held_out = round(0.25 * len(in_order))
    assert [found[scan] for scan in in_order] == ["train"] * (len(in_order) - held_out) + ["validation"] * held_out
    sides = {role: {patient_of(table)[s] for s in found if found[s] == role} for role in ("train", "validation")}
    both = len(sides["train"] & sides["validation"])
    assert both > 0
    assert f"{both} on both sides" in (run.folder("split") / "report.txt").read_text()


def test_series_order_sorts_numbers_as_numbers(tmp_path):
    table = invented_table(patients=12, slices=1)
    count = len(table)
    table = replace(table, files=np.array([f"{number}.dcm" for number in range(count)]))
    run = run_of(tmp_path, table, method="series-order", validation_share=0.2, test_share=0.0)
    make_split(run)
    held_out = round(0.2 * count)
    assert roles(run, table, 0).tolist() == [0] * (count - held_out) + [2] * held_out


def test_the_report_counts_what_brute_force_counts(tmp_path):
    table = invented_table(patients=30)
    run = run_of(tmp_path, table, validation_share=0.3, test_share=0.0)
    make_split(run)
    found = roles_of_scans(run, table)
    slices, scans = {}, {}
    for row in range(len(table)):
        for label in LABELS:
            if table.truth[row, label.column] == 1:
                key = found[table.scans[row]], label
                slices[key] = slices.get(key, 0) + 1
                scans.setdefault(key, set()).add(table.scans[row])
    text = (run.folder("split") / "table1.md").read_text()
    for label in LABELS:
        counted = [
            n for role in ("train", "validation")
            for n in (slices.get((role, label), 0), len(scans.get((role, label), ())))
        ]  # fmt: skip
        assert f"| {label.capitalize()} | " + " | ".join(map(str, counted)) + " |" in text


@pytest.mark.parametrize(
    ("patients", "split", "said"),
    [
        (3, {"folds": 5, "test_share": 0.0}, "3 patients with labels, at least 5 are needed"),
        (40, {"validation_share": 0.6, "test_share": 0.5}, "leave scans to fit"),
        (40, {"folds": 0}, "split.folds is 0"),
        (40, {"method": "series-order", "folds": 2}, "series-order has one fold"),
        (40, {"method": "series-order", "validation_share": 0.001}, "of .* labelled scans 0 would be chosen on"),
    ],
)
def test_what_cannot_be_split_is_refused_in_one_line(tmp_path, patients, split, said):
    run = run_of(tmp_path, invented_table(patients=patients), **split)
    with pytest.raises(FileError, match=said) as error:
        make_split(run)
    assert "\n" not in str(error.value)
    assert not run.is_done("split")


def test_numbers_that_were_refused_can_be_changed(tmp_path):
    run = run_of(tmp_path, invented_table(patients=3), folds=5, test_share=0.0)
    with pytest.raises(FileError):
        make_split(run)
    run = RunFolder(tmp_path, replace(run.config, split=SplitConfig(folds=3, test_share=0.0)))
    make_split(run)
    assert run.is_done("split")


def test_a_scan_that_the_split_does_not_know_is_refused(tmp_path):
    run = run_of(tmp_path, invented_table(patients=20), validation_share=0.3, test_share=0.0)
    make_split(run)
    other = invented_table(patients=40)
    with pytest.raises(FileError, match="has no scan S"):
        roles(run, other, 0)
