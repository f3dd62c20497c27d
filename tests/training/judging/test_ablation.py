"""Two recipes on a few phantoms, from the command line: judged on scans that no fit sees, kept, and never mixed."""

import csv

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import training.fitting.cnn
from ihd_core.errors import Cancelled, FileError
from ihd_core.labels import LABELS
from tests.training.judging.judged_run import config_of, finished_run, table_of
from training.__main__ import main
from training.config import ConfigError, changed
from training.data.pictures import open_pictures
from training.data.slice_table import UNKNOWN
from training.data.split import ROLES, roles
from training.judging import ablation as module
from training.judging.ablation import ablate
from training.judging.judged import NothingToJudgeError
from training.run_folder import RunFolder

NUMBERS = [
    "--preset",
    "rehearsal",
    "--set",
    "synthetic.scans=10",
    "--set",
    "cnn.backbone=tiny",
    "--set",
    "cnn.slices_per_epoch=32",
]
ONLY = ["masks", "faint-blood"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A few phantoms, ready to be fitted."""
    folder = tmp_path_factory.mktemp("ablation") / "run"
    for stage in ("synthetic", "index", "split", "prepare"):
        assert main([stage, "--run", str(folder), *NUMBERS]) == 0
    return folder


@pytest.fixture(scope="module")
def made(prepared):
    """The fits that were made, and the run folder after it."""
    fits, fit_fold = [], training.fitting.cnn.fit_fold

    def noted(folder, source, rows, config, fold, **rest):
        fits.append((folder, source, rows, config))
        fit_fold(folder, source, rows, config, fold, **rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.fitting.cnn, "fit_fold", noted)
        arguments = ["--run", str(prepared), "--seeds", "2", *(part for key in ONLY for part in ("--only", key))]
        assert main(["ablate", *arguments]) == 0
    return fits, prepared


def test_the_base_is_fitted_with_every_seed_and_the_others_once(made):
    fits, folder = made
    names = [path.relative_to(folder / "ablation").as_posix() for path, *_ in fits]
    assert names == ["base/seed0", "base/seed1", "faint-blood/seed0", "masks/seed0"]
    assert [config.seed for *_, config in fits] == [1, 2, 1, 1]
    base, other, faint, masks = (config for *_, config in fits)
    assert base.cnn == other.cnn == faint.cnn == masks.cnn
    assert base.localised == faint.localised
    assert (base.localised.mask_head, masks.localised.mask_head) == (1, 0)


def test_scans_that_are_judged_are_of_patients_that_no_fit_sees(made):
    fits, folder = made
    run = RunFolder(folder)
    table = open_pictures(run).table
    role = roles(run, table, 0)
    logits = np.load(folder / "ablation" / "base" / "seed0" / "logits.npy")
    unseen = np.flatnonzero(role != ROLES.index("train"))
    assert len(logits) == np.count_nonzero(table.has_labels()[unseen]) > 0
    for _, source, (fitted, on_the_way), _ in fits:
        assert np.array_equal(fitted, np.flatnonzero(role == ROLES.index("train")))
        assert not set(source.table.patients[fitted]) & set(table.patients[unseen])
        assert not len(on_the_way), "nothing can be chosen on them"


def test_only_where_it_is_asked_for_faint_blood_is_fitted_as_blood(made):
    fits, folder = made
    truth = open_pictures(RunFolder(folder)).table.truth
    assert (truth == UNKNOWN).any(), "some of these phantoms bleed too little to be seen"
    for path, source, *_ in fits:
        if "faint-blood" in path.parts:
            assert np.array_equal(source.table.truth, np.where(truth == UNKNOWN, 1, truth))
        else:
            assert np.array_equal(source.table.truth, truth)


def test_but_for_its_labels_faint_blood_is_as_it_is_in_the_pictures(made):
    fits, folder = made
    pictures = open_pictures(RunFolder(folder))
    source = next(source for path, source, *_ in fits if "faint-blood" in path.parts)
    assert source.side == pictures.side
    assert np.array_equal(source.neighbour_rows(1), pictures.neighbour_rows(1))
    for row in range(0, len(pictures), 5):
        assert np.array_equal(source.hu(row), pictures.hu(row))
        cells, expected = source.cells(row), pictures.cells(row)
        assert (cells is None) == (expected is None)
        assert expected is None or np.array_equal(cells, expected)


def test_the_table_has_the_areas_of_the_logits_by_scikit_learn(made):
    _, folder = made
    run = RunFolder(folder)
    table = open_pictures(run).table
    judged = np.flatnonzero((roles(run, table, 0) != ROLES.index("train")) & table.has_labels())
    with (folder / "ablation" / "ablation.csv").open() as file:
        rows = {(row["recipe"], row["label"]): row for row in csv.DictReader(file)}
    assert len(rows) == 3 * len(LABELS)
    compared = 0
    for column, label in enumerate(LABELS):
        truth = table.truth[judged, column]
        known = truth != UNKNOWN
        if len(np.unique(truth[known])) < 2:
            continue
        base, masks = (
            [
                roc_auc_score(truth[known], np.load(path)[known, column])
                for path in sorted((folder / "ablation" / key).glob("seed*/logits.npy"))
            ]
            for key in ("base", "masks")
        )
        assert (len(base), len(masks)) == (2, 1)
        assert float(rows["base", label]["auc"]) == pytest.approx(np.mean(base), abs=1e-6)
        row = rows["masks teach nothing", label]
        assert float(row["difference"]) == pytest.approx(np.mean(masks) - np.mean(base), abs=2e-6)
        assert float(row["largest_between_fits"]) == pytest.approx(abs(base[0] - base[1]), abs=1e-6)
        compared += 1
    assert compared


def test_fits_that_are_there_are_kept(made, capsys, monkeypatch):
    _, folder = made
    before = {path: path.stat().st_mtime_ns for path in (folder / "ablation").glob("*/seed*/*")}
    table = (folder / "ablation" / "ablation.md").read_text()
    monkeypatch.setattr(training.fitting.cnn, "logits_of", None)
    assert main(["ablate", "--run", str(folder), "--seeds", "2", "--only", "masks", "--only", "faint-blood"]) == 0
    assert {path: path.stat().st_mtime_ns for path in (folder / "ablation").glob("*/seed*/*")} == before
    assert table.partition("\n\n")[2] in capsys.readouterr().out
    assert (folder / "ablation" / "ablation.md").read_text() == table


def test_a_fit_with_other_numbers_is_refused_not_mixed(made):
    _, folder = made
    run = RunFolder(folder)
    run.config = changed(run.config, ["cnn.any_weight=2"])
    with pytest.raises(FileError, match=r"seed0: begun with other data or numbers"):
        ablate(run, ONLY)


def test_a_fit_that_was_stopped_goes_on(made, capsys):
    _, folder = made
    places = [folder / "ablation" / "mask-head" / "seed0" / name for name in ("weights.pt", "checkpoint.pt")]

    def stopping(done, total):
        if places[0].parent.exists() and done > total * 0.84:
            raise Cancelled("enough")

    run = RunFolder(folder)
    with pytest.raises(Cancelled):
        ablate(run, ["mask-head"], seeds=2, report=stopping)
    assert [path.exists() for path in places] == [False, True]
    ablate(run, ["mask-head"], seeds=2)
    assert [path.exists() for path in places] == [True, False]


def test_pictures_of_another_side_are_prepared_for_the_recipe_alone(prepared, monkeypatch):
    monkeypatch.setattr(module, "chosen", lambda keys: [*made_recipes()])
    run = RunFolder(prepared)
    table = ablate(run, seeds=1)
    assert [row.fits for row in table.rows] == [1, 1]
    other = RunFolder(prepared / "ablation" / "smaller" / "run", base=run)
    assert (open_pictures(other).side, open_pictures(run).side) == (48, 64)


def made_recipes():
    from training.judging.recipes import BASE, Recipe

    return Recipe(BASE, "base"), Recipe("smaller", "smaller pictures", ("prepare.side=48",))


def test_recipes_that_the_run_has_are_not_fitted_and_what_follows_is_compared_with_the_base(tmp_path, monkeypatch):
    run = finished_run(tmp_path, table_of(), config=config_of())
    fitted = []

    def made_up(_run, recipe, number, rows, _report):
        fitted.append((recipe.key, recipe.against, number))
        return np.random.default_rng(len(fitted)).normal(size=(len(rows.judged), len(LABELS))).astype(np.float32)

    monkeypatch.setattr(module, "_fitted", made_up)
    table = ablate(run, ["neighbours", "small", "faint-blood"], seeds=2, each=2)
    assert fitted == [
        ("base", "base", 0), ("base", "base", 1), ("neighbours", "base", 0), ("neighbours", "base", 1),
    ]  # fmt: skip
    reasons = {row.name: row.reason for row in table.rows}
    assert reasons["no part frozen"] == reasons["small backbone"] == "the run has it already"
    assert "only of phantoms" in reasons["all blood positive, the faint too"], "this run has none"
    assert reasons["neighbour slices as channels"] == ""


def test_fewer_than_one_fit_is_refused(tmp_path):
    run = finished_run(tmp_path, table_of(), config=config_of())
    with pytest.raises(ConfigError, match="--seeds is 0, must be at least 1"):
        ablate(run, seeds=0)
    with pytest.raises(ConfigError, match="--each is -1, must be at least 1"):
        ablate(run, each=-1)


def test_without_scans_that_no_fit_sees_nothing_is_fitted(tmp_path, monkeypatch):
    run = finished_run(tmp_path, table_of(), config=config_of())
    monkeypatch.setattr("training.data.split.roles", lambda run, table, fold: np.zeros(len(table), np.int8))
    with pytest.raises(NothingToJudgeError, match="give the split a share"):
        ablate(run)


def test_a_recipe_that_there_is_not_is_one_clear_line(prepared, capsys):
    assert main(["ablate", "--run", str(prepared), "--only", "luck"]) == 2
    error = capsys.readouterr().err
    assert "--only luck: must be one of base, faint-blood" in error
    assert error.count("\n") == 1
