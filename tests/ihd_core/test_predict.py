from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

import ihd_core.predict
from ihd_core.errors import Cancelled, CannotPredict
from ihd_core.labels import LABELS, Label
from ihd_core.model_file import ScanRule, SequenceShape, TrainingData, load_model, salted_sha256, save_model
from ihd_core.model_input import channels, placement, slabs, slice_input, small_hu
from ihd_core.predict import finish, pictures, predict, prediction_steps
from tests.ihd_core.toy import CORONAL, IN_PLANE, stored_as, toy_hu, toy_model, toy_scan

ARRAYS = ("cnn_slices", "slices", "cnn_scan", "scan", "evidence")
BLEND = dict(zip(LABELS, (0.0, 0.25, 0.5, 0.75, 1.0, 0.1), strict=True))
FITTED = ScanRule("fitted", dict.fromkeys(LABELS, (0.1, 0.5, 0.3, 0.4)))
EVERYTHING = {
    "members": 3,
    "neighbours": 1,
    "flip": True,
    "reversal": True,
    "resize": "hu",
    "blend": BLEND,
    "scan_rule": FITTED,
    "sequence": SequenceShape(12, 16, 2, deltas=True, probabilities="both"),
}
CNN_ALONE = {"sequence": None, "reduction": "none"}
RECORDED = {
    "scan": (0.3535452, 0.4544597, 0.5359763, 0.7077434, 0.6224626, 0.6394074),
    "cnn_scan": (0.7396598, 0.3737029, 0.3509971, 0.5323469, 0.4069813, 0.5820588),
    "any_slices": (0.5467051, 0.5609649, 0.5713359, 0.5825428, 0.5972639, 0.6163355, 0.6394074),
}
"""Of lasting_scan() with lasting_model(), by the program as it was at commit b649ea7: (labels,), and any by slice."""


@pytest.fixture(scope="module")
def model():
    return toy_model()


@pytest.fixture(scope="module")
def averaging():
    """A model that does everything at once."""
    return toy_model(**EVERYTHING)


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


@pytest.mark.parametrize("kind", ["bilstm", "cnn alone"])
def test_a_logit_beyond_all_numbers_is_no_all_clear(kind):
    """Its probability is 1; but a fitted rule may weigh it with 0, and what comes out would be above no threshold."""
    of_largest = ScanRule("fitted", dict.fromkeys(LABELS, (0.0, 1.0, 0.0, 1.0)))
    model, scan = toy_model(scan_rule=of_largest, **(CNN_ALONE if kind == "cnn alone" else {})), toy_scan(3)
    member = copy.deepcopy(model.members[0])
    last = member.cnn.head if member.sequence is None else member.sequence.classifier
    last.weight.fill_(3e38)
    last.bias.fill_(3e38)
    with pytest.raises(CannotPredict, match="not a number"):
        predict(scan, replace(model, members=(member,)))


def test_evidence_beyond_all_numbers_is_not_drawn(model):
    scan = toy_scan(3)
    results = list(prediction_steps(scan, model))
    results[1].evidence[2, 0, 0] = np.inf
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


# Models of version 1 give what they always gave


def as_version_1(scan, member, side):
    """The computation of the first version, copied here from before there were members, flips and rules."""
    cnn, features, evidence = [], [], []
    place = placement(scan, side)
    for slab in slabs(scan):
        with torch.inference_mode():
            out = member.cnn(torch.from_numpy(np.stack([slice_input(scan, slab, place).channels])))
            rows, columns = out.activations.shape[2:]
            maps = torch.einsum("lk,nkrc->nlrc", member.cnn.head.weight, out.activations) / (rows * columns)
            read = torch.sigmoid(out.logits), member.reduction(out.pooled), maps
        for values, new in zip((cnn, features, evidence), read, strict=True):
            values.append(new.numpy()[0])
    with torch.inference_mode():
        sequences = torch.from_numpy(np.stack(features))[None], torch.from_numpy(np.stack(cnn))[None]
        revised = torch.sigmoid(member.sequence(*sequences, torch.tensor([len(cnn)])))[0].numpy()
    slab_of_slice = np.repeat(np.arange(len(cnn)), [len(slab) for slab in slabs(scan)])
    alone = np.stack(cnn)
    return alone[slab_of_slice], revised[slab_of_slice], alone.max(axis=0), revised.max(axis=0), np.stack(evidence)


@pytest.mark.parametrize("scan", [toy_scan(5), thin_scan(), toy_scan(1), toy_scan(3, size=128)])
def test_an_ordinary_model_predicts_byte_for_byte_as_in_version_1(model, scan):
    found, expected = predict(scan, model), as_version_1(scan, model.members[0], 64)
    for name, values in zip(ARRAYS, expected, strict=True):
        assert getattr(found, name).tobytes() == values.tobytes(), name


def lasting_scan():
    """A head of ellipses in whole numbers, lopsided, which no library and no release can draw differently."""
    at, row, column = np.ogrid[:7, :96, :96]
    across, down = 2 * (column - 45), 2 * (row - 49)
    radius = (across * 5) ** 2 + (down * 4) ** 2
    texture = 24 + (row * 7 + column * 13 + at * 29 + row * column) % 19
    blot = (across - 24 - 2 * at) ** 2 + (down + 20 - 6 * at) ** 2 <= 18**2
    hu = np.where(radius < 350**2, 45, -1000)
    hu = np.where(radius < 330**2, 900, hu)
    hu = np.where(radius < 300**2, texture + 32 * blot, hu)
    return toy_scan(hu=hu, spacing_mm=(5.0, 2.3, 2.3))


def lasting_model():
    """A model as version 1 had them, with weights from a generator whose stream NumPy keeps for ever."""
    plain = toy_model()
    member, rng = copy.deepcopy(plain.members[0]), np.random.RandomState(1)
    for network in (member.cnn, member.reduction, member.sequence):
        for name, values in sorted(network.state_dict().items()):
            if name.endswith("running_var"):
                values.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, values.shape)))
            elif values.is_floating_point() and name not in {"mean", "deviation"}:
                spread = (2 / max(1, values[0].numel())) ** 0.5 if values.ndim > 1 else 0.2
                values.copy_(torch.from_numpy(rng.normal(0, spread, values.shape)))
    return replace(plain, members=(member,))


def test_a_model_of_version_1_still_says_what_version_1_said(tmp_path):
    """Written to a folder and read again; its numbers come from the program of an earlier commit."""
    written = lasting_model()
    save_model(tmp_path / "model", written.info, members=written.members, card="Random weights.")
    found = predict(lasting_scan(), load_model(tmp_path / "model"))
    assert found.scan == pytest.approx(RECORDED["scan"], abs=1e-5)
    assert found.cnn_scan == pytest.approx(RECORDED["cnn_scan"], abs=1e-5)
    assert found.of(Label.ANY) == pytest.approx(RECORDED["any_slices"], abs=1e-5)


# Members, mirror images, neighbours, reading in both directions


def pictures_by_hand(scan, info):
    """Every slice's own channels with those of its neighbours behind, one slice at a time."""
    place = placement(scan, info.side)
    own = [channels(small_hu(hu, place)) if info.resize == "hu" else channels(hu) for hu in scan.hu]
    order = [0, -1, 1, -2, 2][: 2 * info.neighbours + 1]
    last = len(own) - 1
    return [np.concatenate([own[max(0, min(last, index + step))] for step in order]) for index in range(len(own))]


def by_hand(scan, model):
    """CNN logits, final logits, evidence: every member, mirror image and direction run alone, then averaged."""
    info = model.info
    shape = (len(scan), 6)
    alone, along, evidence = np.zeros(shape), np.zeros(shape), 0.0
    for member in model.members:
        logits, pooled, maps = [], [], []
        for picture in pictures_by_hand(scan, info):
            seen = [picture, picture[:, :, ::-1].copy()] if info.flip else [picture]
            with torch.inference_mode():
                outs = [member.cnn(torch.from_numpy(one)[None]) for one in seen]
            logits.append(np.mean([out.logits[0].numpy() for out in outs], axis=0))
            pooled.append(np.mean([out.pooled[0].numpy() for out in outs], axis=0))
            last = [out.activations[0].numpy() for out in outs]
            last = last[:1] + [one[:, :, ::-1] for one in last[1:]]
            weight = member.cnn.head.weight.numpy()
            maps.append(np.mean([np.tensordot(weight, one, 1) for one in last], axis=0) / last[0][0].size)
        alone += np.stack(logits)
        evidence = evidence + np.stack(maps)
        if member.sequence is not None:
            along += sequence_by_hand(np.stack(pooled), np.stack(logits), member, reversal=info.reversal)
    alone, along, evidence = (values / len(model.members) for values in (alone, along, evidence))
    if info.sequence is None:
        return alone, alone, evidence
    share = np.array([info.blend[label] for label in LABELS])
    return alone, share * alone + (1 - share) * along, evidence


def sequence_by_hand(pooled, logits, member, *, reversal):
    features = (torch.from_numpy(pooled) - member.reduction.mean) @ member.reduction.components.T
    probabilities, length = torch.sigmoid(torch.from_numpy(logits)), torch.tensor([len(logits)])
    with torch.inference_mode():
        up = member.sequence(features[None], probabilities[None], length)[0].numpy()
        down = member.sequence(features.flip(0)[None], probabilities.flip(0)[None], length)[0].numpy()[::-1]
    return (up + down) / 2 if reversal else up


def sigmoid(logits):
    return 1 / (1 + np.exp(-np.asarray(logits, np.float64)))


@pytest.mark.parametrize(
    "changes",
    [
        {"members": 2},
        {"flip": True},
        {"neighbours": 2},
        {"reversal": True},
        {"blend": BLEND},
        {"resize": "hu"},
        {"sequence": SequenceShape(0, 16, 2, probabilities="input"), "reduction": "none"},
        CNN_ALONE,
        {**CNN_ALONE, "members": 2, "flip": True},
        EVERYTHING,
    ],
    ids=lambda changes: "+".join(changes) if len(changes) < 8 else "everything",
)
def test_what_is_averaged_is_the_mean_of_what_was_run_one_at_a_time(changes):
    model = toy_model(**changes)
    scan = toy_scan(5)
    found, (alone, final, evidence) = predict(scan, model), by_hand(scan, model)
    assert found.cnn_slices == pytest.approx(sigmoid(alone), abs=1e-5)
    assert found.slices == pytest.approx(sigmoid(final), abs=1e-5)
    assert found.evidence == pytest.approx(evidence, abs=1e-5)
    assert found.evidence.dtype == found.slices.dtype == found.scan.dtype == np.float32
    rule = model.info.scan_rule
    assert found.scan == pytest.approx(rule.apply(final.astype(np.float32)), abs=1e-5)
    bias = np.mean([member.cnn.head.bias.numpy() for member in model.members], axis=0)
    assert found.evidence.sum((2, 3)) + bias == pytest.approx(alone, abs=1e-4), "the map still adds up to the logit"


@pytest.mark.parametrize("changes", [{"members": 2}, EVERYTHING], ids=["members", "everything"])
def test_whatever_runs_the_cnns_is_asked_by_the_members_number(changes):
    model, scan, asked = toy_model(**changes), toy_scan(3), []

    class Asked:
        name = "asked"

        def read(self, number, x):
            asked.append((number, tuple(x.shape)))
            return model.members[number].cnn(x)

    found, usual = predict(scan, model, engine=Asked()), predict(scan, model)
    assert (found.engine, usual.engine) == ("asked", "torch fp32")
    for name in ARRAYS:
        assert np.array_equal(getattr(found, name), getattr(usual, name)), name
    passes, channels_in = (2, 9) if changes is EVERYTHING else (1, 3)
    once = [(number, (1, channels_in, 64, 64)) for number in range(len(model.members)) for _ in range(passes)]
    assert asked == once * 3


def test_members_differ_so_that_their_mean_can_be_told_from_each_of_them(averaging):
    scan = toy_scan(3)
    whole = predict(scan, averaging).slices
    for member in averaging.members:
        one = replace(averaging, members=(member,))
        assert np.abs(predict(scan, one).slices - whole).max() > 1e-3


def test_averaging_mirror_images_makes_left_and_right_alike():
    flipping, plain = toy_model(flip=True), toy_model()
    scan = toy_scan(3)
    mirrored = toy_scan(hu=np.ascontiguousarray(scan.hu[:, :, ::-1]))
    one, other = predict(scan, flipping), predict(mirrored, flipping)
    assert other.slices == pytest.approx(one.slices, abs=1e-5)
    assert other.evidence == pytest.approx(one.evidence[..., ::-1], abs=1e-5)
    assert np.abs(predict(mirrored, plain).slices - predict(scan, plain).slices).max() > 1e-3


def test_averaging_both_directions_makes_up_and_down_alike():
    both, plain = toy_model(reversal=True), toy_model()
    scan = toy_scan(5)
    upside_down = toy_scan(hu=scan.hu[::-1].copy())
    assert predict(upside_down, both).slices[::-1] == pytest.approx(predict(scan, both).slices, abs=1e-5)
    assert np.abs(predict(upside_down, plain).slices[::-1] - predict(scan, plain).slices).max() > 1e-3


@pytest.mark.parametrize("batch", [2, 3, 8])
def test_a_batch_of_one_equals_a_batch_of_many_whatever_is_averaged(averaging, batch):
    scan = toy_scan(7)
    one, many = predict(scan, averaging), predict(scan, averaging, batch=batch)
    for name in ARRAYS:
        assert getattr(many, name) == pytest.approx(getattr(one, name), abs=1e-5), name


def test_thin_slices_have_slabs_for_neighbours(averaging):
    found = predict(thin_scan(), averaging)
    thick = predict(toy_scan(hu=toy_hu(4)), averaging)
    assert found.slices[::2] == pytest.approx(thick.slices, abs=1e-5)
    assert found.scan == pytest.approx(thick.scan, abs=1e-5), "a slab counts once, however many slices it has"


@pytest.mark.parametrize("neighbours", [0, 1, 2])
def test_each_picture_is_made_once_and_no_earlier_than_it_is_needed(monkeypatch, neighbours):
    made = []

    def counted(scan, slab, place, resize):
        made.append(slab.start)
        return slice_input(scan, slab, place, resize)

    monkeypatch.setattr(ihd_core.predict, "slice_input", counted)
    scan = toy_scan(6)
    steps = prediction_steps(scan, toy_model(neighbours=neighbours))
    for index in range(6):
        assert next(steps).slices == range(index, index + 1)
        assert sorted(made) == list(range(min(index + neighbours, 5) + 1))


def test_pictures_of_neighbours_are_kept_no_longer_than_they_are_needed():
    """A scan of many slices must not fill the memory with pictures."""
    stream = pictures(toy_scan(8), toy_model(neighbours=1).info)
    for _ in range(6):
        next(stream)
    assert sorted(stream.gi_frame.f_locals["kept"]) == [4, 5, 6]


# Models without a BiLSTM, mixtures and scan rules


def test_without_a_bilstm_the_cnn_has_the_last_word():
    found = predict(toy_scan(4), toy_model(**CNN_ALONE))
    assert np.array_equal(found.slices, found.cnn_slices)
    assert np.array_equal(found.scan, found.cnn_slices.max(axis=0))
    assert np.array_equal(found.scan, found.cnn_scan)


def test_without_a_bilstm_a_scan_is_as_suspicious_as_its_most_suspicious_slice_to_the_last_bit():
    """Of one slice alone the sigmoid may differ in its last bit, and one of the two then be above a threshold."""
    model, scan = toy_model(**CNN_ALONE), toy_scan(9)
    results = list(prediction_steps(scan, model))
    rng = np.random.default_rng(0)
    for _ in range(20):
        drawn = [torch.from_numpy(rng.normal(-2, 2, (1, len(LABELS))).astype(np.float32)) for _ in results]
        given = [
            replace(result, logits=logits.numpy(), cnn=torch.sigmoid(logits)[0].numpy())
            for result, logits in zip(results, drawn, strict=True)
        ]
        found = finish(scan, model, given)
        assert np.array_equal(found.scan, found.slices.max(axis=0))
        assert np.array_equal(found.slices, found.cnn_slices)
        assert np.array_equal(found.scan, found.cnn_scan)


def test_without_a_bilstm_the_scan_rule_is_applied_to_the_cnn():
    found = predict(toy_scan(4), toy_model(**CNN_ALONE, scan_rule=FITTED))
    assert np.array_equal(found.scan, found.cnn_scan)
    assert not np.allclose(found.scan, found.cnn_slices.max(axis=0), atol=1e-3)


def test_beside_a_bilstm_the_cnn_alone_keeps_its_maximum(averaging):
    found = predict(toy_scan(4), averaging)
    assert np.array_equal(found.cnn_scan, found.cnn_slices.max(axis=0))


def test_a_blend_of_0_is_the_bilstm_and_of_1_the_cnn(model):
    scan = toy_scan(4)
    plain = predict(scan, model)
    all_cnn = replace(model, info=replace(model.info, blend=dict.fromkeys(LABELS, 1.0)))
    assert np.array_equal(predict(scan, all_cnn).slices, plain.cnn_slices)
    only_any = replace(model, info=replace(model.info, blend={Label.ANY: 1.0}))
    found = predict(scan, only_any)
    assert np.array_equal(found.of(Label.ANY), plain.cnn_slices[:, Label.ANY.column])
    assert np.array_equal(found.of(Label.EPIDURAL), plain.of(Label.EPIDURAL))


@pytest.mark.parametrize("rule", [ScanRule(), FITTED])
def test_a_member_that_finds_more_never_makes_a_scan_less_suspicious(rule):
    """Logits are averaged, so that raising any of them raises what comes out, slice and scan."""
    model, scan = toy_model(**CNN_ALONE, members=3, scan_rule=rule), toy_scan(4)
    results = list(prediction_steps(scan, model))
    rng = np.random.default_rng(0)
    before = finish(scan, model, results)
    for _ in range(40):
        index, member, column = rng.integers(4), rng.integers(3), rng.integers(6)
        logits = results[index].logits.copy()
        logits[member, column] += rng.exponential(3)
        results[index] = replace(results[index], logits=logits, cnn=sigmoid(logits.mean(0)).astype(np.float32))
        after = finish(scan, model, results)
        assert (after.scan >= before.scan - 1e-7).all()
        assert (after.slices >= before.slices - 1e-7).all()
        assert after.scan[column] > before.scan[column] or rule.kind == "maximum"
        before = after


def test_a_description_with_a_bilstm_but_networks_without_one_is_the_programmers_mistake(model):
    bare = replace(model, members=(replace(model.members[0], sequence=None),))
    with pytest.raises(ValueError, match="member 0 has no BiLSTM"):
        predict(toy_scan(2), bare)


@pytest.mark.parametrize("share", [0, 0.4, 1])
@pytest.mark.parametrize("scan", [toy_scan(slices=9), thin_scan()], ids=["thick", "thin"])
def test_from_any_slice_results_come_outwards_and_are_the_same(averaging, scan, share):
    first, groups = round(share * (len(scan) - 1)), slabs(scan)
    results = list(prediction_steps(scan, averaging, from_slice=first))
    order = [groups.index(result.slices) for result in results]
    assert first in groups[order[0]]
    distances = [abs(one - order[0]) for one in order]
    assert distances == sorted(distances)
    assert sorted(order) == list(range(len(groups)))
    assert finish(scan, averaging, results).slices.tobytes() == predict(scan, averaging).slices.tobytes()


@pytest.mark.parametrize("wrong", [-1, 9])
def test_a_first_slice_that_is_not_there_is_refused(model, wrong):
    with pytest.raises(ValueError, match=f"from_slice is {wrong}, must be 0 to 8"):
        next(prediction_steps(toy_scan(slices=9), model, from_slice=wrong))
