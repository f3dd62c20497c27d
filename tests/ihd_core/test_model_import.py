from __future__ import annotations

import functools
import math
import pickle

import numpy as np
import pytest
import safetensors.torch
import torch
from sklearn.decomposition import PCA

from ihd_core.errors import Cancelled, ModelFileError
from ihd_core.labels import LABELS, SUBTYPES, Label
from ihd_core.model_file import load_model
from ihd_core.model_import import ImportOptions, convert
from ihd_core.networks import network
from ihd_core.networks.network import SliceCnn
from ihd_core.phantom import phantom
from ihd_core.predict import pictures, predict
from tests.ihd_core.foreign_checkpoints import OTHER_ORDER, AuthorsSequence, authors_cnn, random_pca, torchvisions
from tests.ihd_core.toy import toy_scan

OTHER = tuple(Label(name) for name in OTHER_ORDER)
PHANTOM = functools.cache(phantom.phantom_scan)


def options(**changes):
    return ImportOptions(**{"name": "imported", "side": 64, **changes})


def tiny_state(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SliceCnn("tiny").eval().state_dict()


def in_our_order(values, given=OTHER):
    return values[:, [given.index(label) for label in LABELS]]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """One phantom for all, and where cells look measured on one picture: the same work, done less often."""
    monkeypatch.setattr(phantom, "phantom_scan", PHANTOM)
    monkeypatch.setattr(network, "cell_geometry", functools.partial(network.cell_geometry, inputs=1))


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Files of a tiny slice network, a small sequence network that reads 12 features, and its PCA."""
    folder = tmp_path_factory.mktemp("sources")
    paths = {name: folder / name for name in ("cnn.pt", "lstm.pt", "pca.npz", "mean.npy", "components.npy")}
    torch.save(tiny_state(), paths["cnn.pt"])
    torch.save(AuthorsSequence(12, 8, 2, lstm_reads=True, classifier_reads=True).state_dict(), paths["lstm.pt"])
    mean, components = random_pca(12, 160)
    np.savez(paths["pca.npz"], mean_=mean, components_=components, whiten=False)
    np.save(paths["mean.npy"], mean)
    np.save(paths["components.npy"], components)
    return paths


def three(sources):
    return [sources["lstm.pt"], sources["pca.npz"], sources["cnn.pt"]]


def refusal(paths, out, **changes):
    with pytest.raises(ModelFileError) as caught:
        convert(paths, out, options(**changes))
    assert not out.exists() or not (out / "model.json").exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def exact_logits(cnn, scan, info):
    """Logits (slices, 6) in double precision, of the checkpoint's network on pictures normalised by hand."""
    mean, deviation = (np.array(values, np.float32).astype(np.float64) for values in (info.mean, info.deviation))
    seen = np.stack([picture for _, picture in pictures(scan, info)]).astype(np.float64)
    with torch.inference_mode():
        return cnn.double()(torch.from_numpy((seen - mean[:, None, None]) / deviation[:, None, None]))


@pytest.mark.parametrize("name", ["resnext50_32x4d", pytest.param("resnext101_32x8d", marks=pytest.mark.soak)])
def test_the_authors_checkpoints_become_a_model_that_says_the_same(tmp_path, name):
    """PCA 120, 3 x 256, probabilities into LSTM and classifier, wrapped, in another order of labels."""
    cnn = torchvisions(name)
    sequence = AuthorsSequence(120, 256, 3, lstm_reads=True, classifier_reads=True)
    mean, components = random_pca(120, 2048)
    wrapped = {"epoch": 2, "state_dict": {f"module.{key}": value for key, value in authors_cnn(cnn).items()}}
    torch.save(wrapped, tmp_path / "cnn.pth")
    torch.save({"model": sequence.state_dict()}, tmp_path / "lstm.pth")
    np.savez(tmp_path / "pca.npz", mean_=mean, components_=components)
    paths = [tmp_path / file for file in ("cnn.pth", "lstm.pth", "pca.npz")]
    info = convert(paths, tmp_path / "model", options(labels=OTHER)).info
    assert (info.backbone, info.sequence.probabilities, info.sequence.layers) == (name, "both", 3)
    model, scan = load_model(tmp_path / "model"), toy_scan(slices=4, seed=3)
    found, ours = predict(scan, model), model.members[0].cnn
    with torch.inference_mode():
        read = [ours(torch.from_numpy(picture.copy())[None]) for _, picture in pictures(scan, info)]
        pooled = torch.cat([out.pooled for out in read]).numpy().astype(np.float64)
        features = torch.from_numpy((pooled - mean) @ components.T).float()
        theirs = torch.sigmoid(torch.cat([out.logits for out in read]))[:, [LABELS.index(label) for label in OTHER]]
        revised = torch.sigmoid(sequence(features, theirs)).numpy()
    assert found.slices == pytest.approx(in_our_order(revised), abs=1e-5)
    expected = in_our_order(exact_logits(cnn, scan, info))
    with torch.inference_mode():
        seen = np.stack([picture for _, picture in pictures(scan, info)])
        torch.testing.assert_close(ours.double()(torch.from_numpy(seen).double()).logits, expected)
    assert expected.std(0).min() > 0.01


@pytest.mark.parametrize("name", ["resnext50_32x4d", "efficientnet_b4"])
def test_torchvisions_checkpoint_with_six_outputs_becomes_a_model_without_bilstm(tmp_path, name):
    cnn = torchvisions(name)
    safetensors.torch.save_file(cnn.state_dict(), tmp_path / "cnn.safetensors")
    given = options(labels=OTHER, mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225))
    done = convert([tmp_path / "cnn.safetensors"], tmp_path / "model", given)
    assert (done.left_out, done.info.backbone, done.info.sequence, done.info.reading) == ((), name, None, "CNN")
    assert (done.info.mean, done.info.deviation) == (given.mean, given.deviation)
    model, scan = load_model(tmp_path / "model"), toy_scan(slices=3, seed=3)
    seen = np.stack([picture for _, picture in pictures(scan, done.info)])
    expected = in_our_order(exact_logits(cnn, scan, done.info))
    with torch.inference_mode():
        found = model.members[0].cnn.double()(torch.from_numpy(seen).double()).logits
    torch.testing.assert_close(found, expected)
    assert expected.std(0).min() > 0.01


@pytest.mark.parametrize(
    ("lstm_reads", "classifier_reads", "where"),
    [(False, False, "none"), (False, True, "classifier"), (True, False, "input"), (True, True, "both")],
)
def test_widths_tell_where_the_probabilities_go(tmp_path, sources, lstm_reads, classifier_reads, where):
    sequence = AuthorsSequence(12, 8, 2, lstm_reads=lstm_reads, classifier_reads=classifier_reads, seed=1)
    torch.save(sequence.state_dict(), tmp_path / "lstm.pt")
    paths = [sources["cnn.pt"], tmp_path / "lstm.pt", sources["pca.npz"]]
    info = convert(paths, tmp_path / "model", options(labels=OTHER)).info
    assert info.sequence.probabilities == where
    model, scan = load_model(tmp_path / "model"), toy_scan(slices=4, seed=3)
    found = predict(scan, model)
    mean, components = random_pca(12, 160)
    with torch.inference_mode():
        cnn = SliceCnn("tiny")
        cnn.load_state_dict(tiny_state())
        out = cnn.eval()(torch.from_numpy(np.stack([picture for _, picture in pictures(scan, info)])))
        features = torch.from_numpy((out.pooled.numpy() - mean) @ components.T).float()
        expected = torch.sigmoid(sequence(features, torch.sigmoid(out.logits))).numpy()
    assert found.slices == pytest.approx(in_our_order(expected), abs=1e-5)


def test_a_sequence_network_may_read_the_probabilities_alone(tmp_path, sources):
    sequence = AuthorsSequence(0, 8, 1, lstm_reads=True, classifier_reads=False)
    torch.save(sequence.state_dict(), tmp_path / "lstm.pt")
    info = convert([sources["cnn.pt"], tmp_path / "lstm.pt"], tmp_path / "model", options()).info
    assert (info.sequence.features, info.reduction) == (0, "none")
    found = predict(toy_scan(slices=4), load_model(tmp_path / "model"))
    with torch.inference_mode():
        probabilities = torch.from_numpy(found.cnn_slices.copy())
        expected = torch.sigmoid(sequence(torch.zeros(4, 0), probabilities)).numpy()
    assert found.slices == pytest.approx(expected, abs=1e-5)


def test_one_file_may_hold_both_networks(tmp_path, sources):
    state = {f"cnn.{name}": tensor for name, tensor in tiny_state().items()}
    lstm = torch.load(sources["lstm.pt"], weights_only=True)
    torch.save(state | {f"rnn.{name}": tensor for name, tensor in lstm.items()}, tmp_path / "both.pt")
    one = convert([tmp_path / "both.pt", sources["pca.npz"]], tmp_path / "one", options())
    convert(three(sources), tmp_path / "three", options())
    scan = toy_scan(slices=3)
    found = [predict(scan, load_model(tmp_path / name)).slices for name in ("one", "three")]
    assert one.left_out == ()
    assert np.array_equal(*found)


def test_two_arrays_of_the_pca_do_as_well_as_one_file(tmp_path, sources):
    arrays = [sources["components.npy"], sources["mean.npy"]]
    convert([sources["cnn.pt"], sources["lstm.pt"], *arrays], tmp_path / "model", options())
    mean, components = random_pca(12, 160)
    reduction = load_model(tmp_path / "model").members[0].reduction
    assert reduction.mean.numpy() == pytest.approx(mean)
    assert reduction.components.numpy() == pytest.approx(components)


def test_what_is_not_known_of_it_is_not_claimed(tmp_path, sources):
    info = convert(three(sources), tmp_path / "model", options()).info
    assert "research only" in info.intended_use
    assert "not known" in info.training.description.lower()
    assert not info.demonstration
    for levels in info.operating_points.values():
        for points in levels.values():
            for label in LABELS:
                point = points[label]
                assert (point.threshold, point.sensitivity, point.specificity) == (0.5, None, None)
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert all(path.name in card for path in three(sources))
    assert str(tmp_path) not in card


def test_full_colour_is_the_upper_quartile_of_what_a_synthetic_head_shows(tmp_path, sources):
    state = tiny_state()
    torch.save(state | {"fc.weight": state["fc.weight"] * 3}, tmp_path / "steep.pt")
    plain = convert([sources["cnn.pt"]], tmp_path / "plain", options()).info
    steep = convert([tmp_path / "steep.pt"], tmp_path / "steep", options()).info
    head = PHANTOM(1, labels=SUBTYPES, size=128, slices=12)
    evidence = predict(head.scan, load_model(tmp_path / "plain")).evidence.max(axis=(2, 3))
    for label in LABELS:
        assert steep.full_scale[label] == pytest.approx(3 * plain.full_scale[label], rel=1e-4)
        rising = np.sort(evidence[head.truth[:, label.column], label.column])
        below, above = (rising[where((len(rising) - 1) * 3 / 4)] for where in (math.floor, math.ceil))
        assert below - 1e-6 <= plain.full_scale[label] <= above + 1e-6


def test_a_label_without_evidence_still_has_a_scale(tmp_path):
    state = tiny_state()
    weight = -state["fc.weight"].abs()
    weight[Label.SUBDURAL.column] = 0
    torch.save(state | {"fc.weight": weight}, tmp_path / "cnn.pt")
    info = convert([tmp_path / "cnn.pt"], tmp_path / "model", options()).info
    assert all(scale > 0 for scale in info.full_scale.values())
    assert info.full_scale[Label.SUBDURAL] == 1


def test_weights_of_no_use_are_named(tmp_path):
    left = {"base.fc.weight": torch.zeros(1000, 160), "base.fc.bias": torch.zeros(1000)}
    state = {name if name.startswith("fc.") else f"base.{name}": tensor for name, tensor in tiny_state().items()}
    torch.save(state | left, tmp_path / "cnn.pt")
    assert sorted(convert([tmp_path / "cnn.pt"], tmp_path / "model", options()).left_out) == sorted(left)


@pytest.mark.parametrize("name", ["cnn.pt", "lstm.pt"])
def test_a_network_with_more_layers_than_are_known_is_refused(tmp_path, sources, name):
    state = torch.load(sources[name], weights_only=True) | {"attention.fc.weight": torch.zeros(2, 2)}
    torch.save(state, tmp_path / name)
    paths = [tmp_path / name if path.name == name else path for path in three(sources)]
    assert f"{tmp_path / name}: attention.fc.weight belongs to no network" in refusal(paths, tmp_path / "model")


def test_a_checkpoint_of_1000_classes_is_a_starting_point_and_no_model(tmp_path):
    torch.save(tiny_state() | {"fc.weight": torch.zeros(1000, 160), "fc.bias": torch.zeros(1000)}, tmp_path / "in.pth")
    message = refusal([tmp_path / "in.pth"], tmp_path / "model")
    assert "fc.weight is (1000, 160)" in message
    assert "python -m training cnn --set cnn.start=" in message


@pytest.mark.parametrize("suffix", [".pkl", ".bin"])
def test_a_pickled_pca_is_refused_with_the_way_to_export_it(tmp_path, sources, monkeypatch, suffix):
    pca = PCA(12).fit(np.random.default_rng(0).normal(size=(20, 160)))
    path = tmp_path / f"pca{suffix}"
    path.write_bytes(pickle.dumps(pca))
    message = refusal([sources["cnn.pt"], sources["lstm.pt"], path], tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    exec(message[message.index("import joblib") :])
    convert([sources["cnn.pt"], sources["lstm.pt"], tmp_path / "pca.npz"], tmp_path / "model", options())
    assert load_model(tmp_path / "model").members[0].reduction.components.numpy() == pytest.approx(pca.components_)


def test_a_pca_that_whitens_is_refused(tmp_path, sources):
    mean, components = random_pca(12, 160)
    np.savez(tmp_path / "pca.npz", mean_=mean, components_=components, whiten=True)
    assert "whiten" in refusal([sources["cnn.pt"], sources["lstm.pt"], tmp_path / "pca.npz"], tmp_path / "model")


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"mean_": np.zeros(160)}, "components_ is missing"),
        ({"mean_": np.zeros(8), "components_": np.zeros((12, 8))}, "needs mean_ of (160,)"),
        ({"mean_": np.zeros(160), "components_": np.full((12, 160), np.nan)}, "no finite numbers"),
        ({"mean_": np.array([{}]), "components_": np.zeros((12, 160))}, "cannot be read as arrays"),
        ({"mean_": np.zeros(160), "components_": np.zeros((12, 160), complex)}, "complex128 where real numbers"),
        ({"mean_": np.zeros(160), "components_": np.zeros((11, 160))}, "the LSTM reads 18 values, must be 11"),
    ],
)
def test_a_pca_that_does_not_fit_is_refused(tmp_path, sources, arrays, reason):
    np.savez(tmp_path / "pca.npz", **arrays)
    assert reason in refusal([sources["cnn.pt"], sources["lstm.pt"], tmp_path / "pca.npz"], tmp_path / "model")


@pytest.mark.parametrize("name", ["pca.npz", "pca.npy"])
def test_a_damaged_array_is_refused(tmp_path, sources, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04 nothing")
    message = refusal([sources["cnn.pt"], sources["lstm.pt"], tmp_path / name], tmp_path / "model")
    assert message.startswith(f"{tmp_path / name}: cannot be read as arrays of numbers")


def test_an_array_that_fits_no_memory_is_refused(tmp_path, sources):
    with (tmp_path / "pca.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**7, 10**7)})
    message = refusal([sources["cnn.pt"], sources["lstm.pt"], tmp_path / "pca.npy"], tmp_path / "model")
    assert message.startswith(f"{tmp_path / 'pca.npy'}: cannot be read as arrays of numbers (Unable to allocate")


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["lstm.pt", "pca.npz"], "no slice network among them"),
        (["cnn.pt", "lstm.pt"], "its PCA is missing"),
        (["cnn.pt", "pca.npz"], "a PCA is of no use without a sequence network"),
        (["cnn.pt", "cnn.pt", "again.pt"], "a second slice network"),
        (["cnn.pt", "other.pt"], "holds neither"),
        (["cnn.pt", "none.pt"], "no such file"),
        (["cnn.pt", "lstm.pt", "none.npz"], "no such file"),
    ],
)
def test_sources_that_do_not_make_a_model_are_refused(tmp_path, sources, names, reason):
    torch.save(tiny_state(), tmp_path / "again.pt")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pt")
    paths = [sources.get(name, tmp_path / name) for name in names]
    assert reason in refusal(paths, tmp_path / "model")


def changed_lstm(sources, **changes):
    state = torch.load(sources["lstm.pt"], weights_only=True)
    for name, value in changes.items():
        state[name.replace("__", ".")] = value
    return {name: tensor for name, tensor in state.items() if tensor is not None}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lstm__weight_ih_l0_reverse": None}, "lstm.weight_ih_l0_reverse is missing, a bidirectional LSTM"),
        ({"classifier__weight": torch.zeros(1, 22)}, "classifier.weight has 1 outputs, the labels are 6"),
        ({"classifier__weight": torch.zeros(6, 19)}, "the classifier reads 19 values, must be 2 x 8 units"),
        ({"classifier__weight": None}, "needs a classifier.weight"),
        ({"lstm__weight_hh_l1": torch.zeros(32, 9)}, "lstm.weight_hh_l1 is (32, 9)"),
        ({"lstm__bias_ih_l0": None}, "lstm.bias_ih_l0 is missing"),
    ],
)
def test_a_sequence_network_of_another_make_is_refused(tmp_path, sources, changes, reason):
    torch.save(changed_lstm(sources, **changes), tmp_path / "lstm.pt")
    assert reason in refusal([sources["cnn.pt"], tmp_path / "lstm.pt", sources["pca.npz"]], tmp_path / "model")


@pytest.mark.parametrize(
    "first", [torch.nn.Linear(22, 22), torch.nn.LayerNorm(22)], ids=["two linear layers", "norm before it"]
)
def test_a_classifier_of_several_layers_is_refused(tmp_path, sources, first):
    """Even where the widths of its last layer alone would fit."""
    state = changed_lstm(sources)
    last = {f"classifier.2.{name}": state.pop(f"classifier.{name}") for name in ("weight", "bias")}
    before = {f"classifier.0.{name}": tensor for name, tensor in first.state_dict().items()}
    torch.save(state | last, tmp_path / "lstm.pt")
    convert([sources["cnn.pt"], tmp_path / "lstm.pt", sources["pca.npz"]], tmp_path / "alone", options())
    torch.save(state | before | last, tmp_path / "lstm.pt")
    message = refusal([sources["cnn.pt"], tmp_path / "lstm.pt", sources["pca.npz"]], tmp_path / "model")
    assert "one of several layers of its classifier" in message


def test_a_slice_network_of_another_make_is_refused_with_the_nearest(tmp_path):
    state = {name: tensor for name, tensor in tiny_state().items() if name != "layer2.3.conv2.weight"}
    torch.save(state, tmp_path / "cnn.pt")
    assert "nearest is tiny, whose layer2.3.conv2.weight" in refusal([tmp_path / "cnn.pt"], tmp_path / "model")
    torch.save({k: v for k, v in tiny_state().items() if not k.startswith("fc.")}, tmp_path / "headless.pt")
    assert "has no head" in refusal([tmp_path / "headless.pt"], tmp_path / "model")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels": LABELS[:5]}, "must be each of"),
        ({"labels": (*LABELS[:5], LABELS[0])}, "must be each of"),
        ({"side": 100}, "side is 100"),
        ({"side": 0}, "side is 0"),
        ({"side": 2**20}, "at most 2048"),
        ({"deviation": (1.0, 0.0, 1.0)}, "above 0"),
        ({"mean": (1.0, float("nan"), 1.0)}, "finite"),
    ],
)
def test_options_that_no_model_can_have_are_refused(tmp_path, sources, changes, reason):
    assert reason in refusal([sources["cnn.pt"]], tmp_path / "model", **changes)


def test_nothing_is_written_over(tmp_path, sources):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "notes.txt").write_text("mine")
    assert "not empty" in refusal([sources["cnn.pt"]], tmp_path / "model")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["notes.txt"]


def test_it_can_be_stopped_before_anything_is_written(tmp_path, sources):
    seen = []

    def stop(done, total):
        seen.append((done, total))
        if done == 5:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        convert([sources["cnn.pt"]], tmp_path / "model", options(), report=stop)
    assert seen[-1] == (5, 24)
    assert not (tmp_path / "model").exists()
