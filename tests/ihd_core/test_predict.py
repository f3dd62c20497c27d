from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ihd_core.errors import Cancelled, CannotPredict
from ihd_core.labels import LABELS, Label
from ihd_core.model_file import TrainingData, salted_sha256
from ihd_core.model_input import channels
from ihd_core.predict import finish, predict, prediction_steps
from tests.ihd_core.toy import CORONAL, IN_PLANE, stored_as, toy_hu, toy_model, toy_scan


@pytest.fixture(scope="module")
def model():
    return toy_model()


def thin_scan(**changes):
    return toy_scan(hu=np.repeat(toy_hu(4), 2, axis=0), spacing_mm=(2.5, 3.5, 3.5), **changes)


def test_probabilities_are_those_of_the_networks_called_by_hand(model):
    scan = toy_scan(5)
    found = predict(scan, model)
    (member,) = model.members
    with torch.inference_mode():
        out = member.cnn(torch.from_numpy(np.stack([channels(hu) for hu in scan.hu])))
        cnn = torch.sigmoid(out.logits)
        reduced = (out.pooled - member.reduction.mean) @ member.reduction.components.T
        hidden, _ = member.sequence.lstm(reduced[None])
        revised = torch.sigmoid(member.sequence.classifier(torch.cat([hidden[0], cnn], 1)))
    assert found.cnn_slices == pytest.approx(cnn.numpy(), abs=1e-5)
    assert found.slices == pytest.approx(revised.numpy(), abs=1e-5)
    assert found.cnn_slices.dtype == found.slices.dtype == found.evidence.dtype == np.float32


def test_a_scan_is_the_maximum_over_its_slices(model):
    found = predict(toy_scan(), model)
    assert np.array_equal(found.scan, found.slices.max(axis=0))
    assert np.array_equal(found.cnn_scan, found.cnn_slices.max(axis=0))


@pytest.mark.parametrize("batch", [2, 4, 8])
def test_a_batch_of_one_equals_a_batch_of_many(model, batch):
    scan = toy_scan(7)
    one, many = predict(scan, model), predict(scan, model, batch=batch)
    for name in ("cnn_slices", "slices", "cnn_scan", "scan", "evidence"):
        assert getattr(many, name) == pytest.approx(getattr(one, name), abs=1e-5), name


@pytest.mark.parametrize("orientation", IN_PLANE[1:])
def test_probabilities_are_identical_however_the_rows_are_stored(model, orientation):
    hu = toy_hu(3)
    usual = predict(toy_scan(hu=hu, orientation=IN_PLANE[0]), model)
    hu = stored_as(stored_as(hu, IN_PLANE[0]), orientation)
    stored = predict(toy_scan(hu=hu, orientation=orientation), model)
    assert np.array_equal(stored.slices, usual.slices)
    assert np.array_equal(stored.evidence, usual.evidence)


def test_results_come_one_slab_at_a_time_from_inferior_to_superior(model):
    steps = prediction_steps(toy_scan(4), model)
    assert next(steps).slices == range(1)
    assert [step.slices for step in steps] == [range(1, 2), range(2, 3), range(3, 4)]


def test_nobody_else_runs_in_inference_mode_while_steps_are_taken(model):
    """A generator that kept the mode on would break training or gradients in whoever takes the steps."""
    steps = prediction_steps(toy_scan(2), model)
    next(steps)
    assert not torch.is_inference_mode_enabled()


def test_results_may_arrive_in_any_order(model):
    scan = toy_scan(4)
    results = list(prediction_steps(scan, model))
    assert np.array_equal(finish(scan, model, results[::-1]).slices, finish(scan, model, results).slices)


@pytest.mark.parametrize("wrong", [slice(1, None), slice(0, 0)])
def test_a_slice_without_result_is_refused(model, wrong):
    scan = toy_scan(3)
    with pytest.raises(ValueError, match="each of 3 slices once"):
        finish(scan, model, list(prediction_steps(scan, model))[wrong])


def test_a_result_that_is_no_number_is_no_all_clear(model):
    scan = toy_scan(3)
    results = list(prediction_steps(scan, model))
    results[1].cnn[2] = np.nan
    with pytest.raises(CannotPredict, match="not a number"):
        finish(scan, model, results)


def test_thin_slices_share_the_result_of_their_slab(model):
    found = predict(thin_scan(), model)
    assert found.slab_of_slice.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert np.array_equal(found.slices[0::2], found.slices[1::2])
    thick = predict(toy_scan(hu=toy_hu(4)), model)
    assert found.slices[::2] == pytest.approx(thick.slices, abs=1e-6), "two equal slices average to themselves"
    assert len(found.evidence) == 4


def test_averaging_is_said(model):
    warnings = {warning.code: warning for warning in predict(thin_scan(), model).warnings}
    assert warnings["slices-averaged"].values == {"slices": 8, "averaged": 4}
    assert not predict(toy_scan(2), model).warnings


def test_the_scans_own_warnings_come_first(model):
    scan = predict(thin_scan(), model).warnings
    warned = replace(thin_scan(), warnings=scan)
    assert predict(warned, model).warnings == scan * 2


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.3#0123abcd"])
def test_a_scan_the_model_was_trained_on_is_said(model, uid):
    training = TrainingData("test", "salt", training_series=(salted_sha256("salt", "1.2.3"),))
    seen = replace(model, info=replace(model.info, training=training))
    (warning,) = predict(toy_scan(2, uid=uid), seen).warnings
    assert warning.code == "seen-in-training"


def test_evidence_and_bias_add_up_to_the_logit(model):
    found = predict(toy_scan(3), model)
    bias = model.members[0].cnn.head.bias.numpy()
    logits = found.evidence.sum((2, 3)) + bias
    assert found.cnn_slices == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-5)


def test_a_label_is_detected_above_its_operating_point(model):
    found = predict(toy_scan(3), model)
    found = replace(found, scan=np.array([0.31, 0.9, 0.5, 0.3, 0.0, 0.51], np.float32))
    above = (Label.ANY, Label.INTRAPARENCHYMAL, Label.INTRAVENTRICULAR)
    assert found.detected("screen") == (above[0], Label.EPIDURAL, *above[1:]), "0.31 lies above 0.3, 0.3 does not"
    assert found.detected("paper") == (Label.ANY, Label.INTRAPARENCHYMAL), "p > 0.5, not >="


def test_labels_are_found_by_name(model):
    found = predict(toy_scan(5), model)
    for column, label in enumerate(LABELS):
        assert np.array_equal(found.of(label), found.slices[:, column])
        assert found.of(label)[found.most_suspicious(label)] == found.scan[column]


def test_progress_counts_slices_and_can_stop_the_work(model):
    seen = []

    def stop_at_four(done, total):
        seen.append((done, total))
        if done >= 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        predict(thin_scan(), model, report=stop_at_four)
    assert seen == [(0, 8), (2, 8), (4, 8)]


def test_a_coronal_scan_is_refused_with_the_reason(model):
    with pytest.raises(CannotPredict, match="coronal"):
        predict(toy_scan(orientation=CORONAL), model)


def test_a_scan_of_one_slice_is_predicted(model):
    assert predict(toy_scan(1), model).slices.shape == (1, 6)


def test_a_prediction_cannot_be_changed(model):
    with pytest.raises(ValueError, match="read-only"):
        predict(toy_scan(1), model).slices[0, 0] = 1
