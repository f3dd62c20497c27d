"""Who chooses, who judges, and what is left behind; networks' logits are chosen, so that their worth is known."""

import csv
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from ihd_core.errors import Cancelled
from ihd_core.labels import LABELS, Label
from tests.training.judging.judged_run import config_of, finished_run, logits_of, table_of, weighted_loss
from training.data.slice_table import write_table
from training.data.split import ROLES, roles
from training.judging.evaluate import assess, evaluate
from training.judging.evaluation_files import as_json
from training.judging.judged import NothingToJudgeError, RolesOfRun, collect
from training.judging.table3 import BILSTM, CNN, FINAL


@pytest.fixture
def table():
    return table_of()


def chosen_and_judged(run):
    return collect(run, "validation"), collect(run, RolesOfRun(run).judged()[0])


def assessed(run):
    """What assessed() measures, without its files."""
    return assess(run.config, *chosen_and_judged(run))


def rows_of(run, table, role):
    return roles(run, table, 0) == ROLES.index(role)


def test_the_loss_is_that_of_the_test_slices(tmp_path, table):
    cnn, sequence = logits_of(table, 2, 1), logits_of(table, 1, 2)
    run = finished_run(tmp_path, table, cnn=cnn, sequence=sequence)
    found, test = assessed(run), rows_of(run, table, "test")
    expected = [weighted_loss(table.truth[test], logits[test]) for logits in (cnn, sequence)]
    assert [found.losses[model].value for model in (CNN, BILSTM)] == pytest.approx(expected)
    assert found.gain.value == pytest.approx(expected[1] - expected[0])
    assert found.gain.estimate().high < 0
    assert (found.slices, found.scans) == (test.sum(), test.sum() / 6)
    assert "test scans" in found.caption
    assert not found.judged_where_chosen


def test_slices_and_scans_are_ranked_and_called(tmp_path, table):
    sequence = logits_of(table, 1, 2)
    run = finished_run(tmp_path, table, sequence=sequence)
    found, test = assessed(run), rows_of(run, table, "test")
    p = expit(sequence[test])
    for label in LABELS:
        yes, score = table.truth[test, label.column] == 1, p[:, label.column]
        whole, largest = yes.reshape(-1, 6).any(axis=1), score.reshape(-1, 6).max(axis=1)
        for level, truth, value in (("slice", yes, score), ("scan", whole, largest)):
            row = found.row(BILSTM, level, label)
            assert row.auc.value == pytest.approx(roc_auc_score(truth, value))
            assert row.accuracy.value == pytest.approx((truth == (value > 0.5)).mean())
            assert row.sensitivity.value == pytest.approx((value > 0.5)[truth].mean())
            assert row.specificity.value == pytest.approx((value <= 0.5)[~truth].mean())


def test_every_fold_says_its_own_of_what_it_did_not_see_and_all_together_of_test_scans(tmp_path, table):
    config = config_of(folds=3)
    marked = [np.full((len(table), 6), 10.0**fold, np.float32) for fold in range(3)]
    run = finished_run(tmp_path, table, cnn=marked, sequence=[2 * one for one in marked], config=config)
    validation, test = chosen_and_judged(run)
    for fold in range(3):
        held_out = table.ids[roles(run, table, fold) == ROLES.index("validation")]
        rows = np.isin(validation.table.ids, held_out)
        assert rows.sum() == len(held_out) > 0
        assert (validation.cnn[rows] == 10.0**fold).all()
        assert (validation.sequence[rows] == 2 * 10.0**fold).all()
    assert len(validation.table) + len(test.table) == len(table)
    assert test.cnn == pytest.approx(111 / 3)


def test_test_scans_choose_nothing(tmp_path, table):
    config = config_of(blend=True, scan_rule="fitted")
    run = finished_run(tmp_path, table, config=config)
    choice, (validation, test) = assessed(run).choice, chosen_and_judged(run)
    other = replace(test, cnn=-test.cnn, sequence=-test.sequence)
    again = assess(config, validation, other)
    assert again.choice == choice
    changed = replace(validation, sequence=-validation.sequence)
    assert assess(config, changed, test).choice.blend != choice.blend


def test_what_was_chosen_is_what_is_measured(tmp_path, table):
    cnn = logits_of(table, 0.5, 1)
    run = finished_run(
        tmp_path, table, cnn=cnn, sequence=logits_of(table, 9, 2), config=config_of(blend=True, scan_rule="fitted")
    )
    found, test = assessed(run), rows_of(run, table, "test")
    assert min(found.choice.blend.values()) > 0.9, "the BiLSTM only disturbs"
    assert found.system == FINAL
    share = np.array([found.choice.blend[label] for label in LABELS])
    mixed = (share * cnn + (1 - share) * logits_of(table, 9, 2))[test]
    assert found.losses[FINAL].value == pytest.approx(weighted_loss(table.truth[test], mixed), rel=1e-5)
    a, b, c, d = found.choice.scan_rule.weights[Label.ANY]
    falling = -np.sort(-mixed[:, 5].reshape(-1, 6), axis=1)
    expected = expit(a + b * falling[:, 0] + c * falling[:, :3].mean(axis=1) + d * falling.mean(axis=1))
    assert found.scores[FINAL]["scan"][:, 5] == pytest.approx(expected, abs=1e-5)
    # The networks alone stand beside it by the paper's rule.
    assert found.scores[CNN]["scan"][:, 5] == pytest.approx(expit(cnn[test][:, 5].reshape(-1, 6).max(axis=1)), abs=1e-5)


def test_without_test_scans_it_says_that_it_flatters(tmp_path, table):
    found = assessed(finished_run(tmp_path, table, config=config_of(test=0.0)))
    assert found.judged.role == "validation"
    assert found.judged_where_chosen
    assert "chosen on the same scans" in found.caption


def test_unlabelled_slices_count_for_their_scan_alone(tmp_path, table):
    truth, sequence = table.truth.copy(), logits_of(table, 1, 2)
    last = np.arange(len(table)) % 6 == 5
    truth[last] = -1
    sequence[last] = 9
    run = finished_run(tmp_path, replace(table, truth=truth), sequence=sequence)
    found, test = assessed(run), rows_of(run, table, "test")
    assert found.slices == (test & ~last).sum()
    assert found.losses[BILSTM].value == pytest.approx(weighted_loss(truth[test & ~last], sequence[test & ~last]))
    assert found.row(BILSTM, "scan", Label.ANY).sensitivity.value == 1, "every scan has a slice that is surely positive"


def test_points_are_chosen_on_validation_scans_and_tried_on_test_scans(tmp_path, table):
    sequence = logits_of(table, 1, 2)
    run = finished_run(tmp_path, table, sequence=sequence)
    found, p = assessed(run), expit(sequence[:, 5])
    point = found.choice.points["screen"]["slice"][Label.ANY]
    validation, test = rows_of(run, table, "validation"), rows_of(run, table, "test")
    yes = table.truth[:, 5] == 1
    assert (p[validation & yes] > point.threshold).mean() == pytest.approx(point.sensitivity.value)
    (reached,) = [r for r in found.reached if (r.setting, r.level, r.label) == ("screen", "slice", Label.ANY)]
    assert reached.sensitivity.value == pytest.approx((p[test & yes] > point.threshold).mean())
    assert reached.specificity.value == pytest.approx((p[test & ~yes] <= point.threshold).mean())


def test_the_folder_holds_every_number_and_plots(tmp_path, table):
    found = evaluate(finished_run(tmp_path, table, config=config_of(blend=True)))
    folder = tmp_path / "evaluate"
    described = json.loads((folder / "results.json").read_text(), parse_constant=pytest.fail)
    assert described["weighted_log_loss"][CNN]["value"] == found.losses[CNN].value
    assert described["patients"] == len(set(found.judged.table.patients))
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 2 * 6
    first = found.row(CNN, "slice", Label.ANY)
    assert float(rows[0]["auc"]) == first.auc.value
    assert float(rows[0]["auc_low"]) == first.auc.estimate().low
    assert int(rows[0]["true_positives"]) == first.counts.true_positives
    with (folder / "operating_points.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3 * 2 * 6
    text = (folder / "table3.md").read_text()
    assert "| **system** |" in text
    assert found.caption in text
    for name in ("reliability.png", "roc.png"):
        picture = cv2.imread(str(folder / name))
        assert picture.shape[1] > 900
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


def test_the_same_run_gives_the_same_numbers(tmp_path, table):
    one, two = (as_json(assessed(finished_run(tmp_path / name, table))) for name in ("one", "two"))
    assert one == two


def test_stopped_work_is_done_by_the_next_call(tmp_path, table):
    run = finished_run(tmp_path, table)

    def stop(done, _total):
        if done == 5:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        evaluate(run, report=stop)
    assert not (tmp_path / "evaluate").exists()
    seen = []
    evaluate(run, report=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (24, 24)
    assert (tmp_path / "evaluate" / "results.json").exists()


def test_a_run_with_nobody_to_judge_is_refused(tmp_path, table):
    run = finished_run(tmp_path, table)
    unknown = replace(table, truth=np.full_like(table.truth, -1))
    (run.path / "slices" / "table.csv").unlink()
    write_table(run.path / "slices" / "table.csv", unknown)
    with pytest.raises(NothingToJudgeError, match="no labelled slice"):
        evaluate(run)
