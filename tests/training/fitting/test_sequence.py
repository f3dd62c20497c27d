"""The BiLSTM of the paper: its size, scans of any length, what it is fitted on, and what a stop changes: nothing."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from ihd_core.errors import Cancelled, FileError, IhdError
from ihd_core.labels import LABELS, Label
from ihd_core.networks.network import Reduction
from tests.training.fitting.embedded_scans import embedded
from training.config import ConfigError, RunConfig, SequenceConfig
from training.data.slice_table import UNKNOWN
from training.data.split import ROLES
from training.fitting.losses import label_loss
from training.fitting.scan_batches import ScanReader, epoch_batches
from training.fitting.sequence import load_sequence, sequence_logits, train_sequence
from training.fitting.sequence_fit import SequenceFit, new_network, read_scans
from training.presets import BEYOND, PAPER, SCRIPTS
from training.run_folder import RunFolder, read_rows

NUMBERS = SequenceConfig(hidden=6, layers=2, rates=(1e-2, 1e-2, 5e-3), batch=2)
LENGTHS = [5, 1, 9, 3, 7, 4, 2, 6, 8, 3, 5, 4]
FITTED_SCANS, JUDGED_SCANS = range(7), range(7, 10)
SEED = 3
"""With it some slices of the fitted and of the judged scans have hemorrhage."""


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch):
    """Drawing takes longer than fitting here; the test of what is left draws them."""
    monkeypatch.setattr("training.fitting.sequence_fit.draw_curves", lambda metrics, picture: None)


def parameters(module):
    return sum(one.numel() for one in module.parameters())


def lstm_parameters(inputs, hidden, layers):
    """Four gates, two directions, torch's two biases; the first layer reads the inputs, the others both directions."""
    widths = [inputs, *[2 * hidden] * (layers - 1)]
    return sum(2 * (4 * hidden * (width + hidden) + 8 * hidden) for width in widths)


def test_the_papers_network_has_the_papers_size():
    network = new_network(PAPER.sequence, 120)
    assert parameters(network.lstm) == 3_928_064
    assert parameters(network.classifier) == 518 * 6 + 6


@pytest.mark.parametrize(
    ("numbers", "features", "inputs", "judged"),
    [
        (PAPER.sequence, 192, 192, 518),
        (replace(PAPER.sequence, probabilities="none"), 120, 120, 512),
        (replace(PAPER.sequence, hidden=128, layers=2, probabilities="none"), 192, 192, 256),
        (replace(PAPER.sequence, hidden=128, probabilities="none"), 192, 192, 256),
        (replace(PAPER.sequence, probabilities="input"), 0, 6, 512),
        (SCRIPTS.sequence, 120, 126, 518),
        (BEYOND.sequence, 120, 360, 518),
        (PAPER.sequence, 2048, 2048, 518),
    ],
)
def test_every_row_of_table_2_has_its_size(numbers, features, inputs, judged):
    network = new_network(numbers, features)
    assert parameters(network.lstm) == lstm_parameters(inputs, numbers.hidden, numbers.layers)
    assert parameters(network.classifier) == judged * 6 + 6


def test_a_network_with_nothing_to_read_is_refused():
    with pytest.raises(ConfigError, match=r"sequence\.probabilities is classifier; must be input or both"):
        new_network(PAPER.sequence, 0)


def reader_of(lengths, seed=0, features=4):
    table, embeddings = embedded(lengths, seed=seed)
    return table, ScanReader.of(table, embeddings, Reduction.selection(range(features), 8))


VARIANTS = [
    {"probabilities": "none"},
    {"probabilities": "input"},
    {"probabilities": "classifier"},
    {"probabilities": "both", "deltas": True},
    {"deltas": True},
]


@pytest.mark.parametrize("reversal", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_packed_batches_say_what_one_scan_at_a_time_says(variant, reversal):
    lengths = [1, 600, 37, 2, 36, 250]
    _, reader = reader_of(lengths)
    network = new_network(replace(NUMBERS, **variant), 4).eval()
    together = read_scans(network, reader, np.arange(6), reversal=reversal, told=lambda read: None)
    assert np.isfinite(together).all()
    for scan, (start, count) in enumerate(zip(reader.starts, lengths, strict=True)):
        one = reader.batch(np.array([scan]), torch.device("cpu"))
        how = network.averaged if reversal else network
        with torch.no_grad():
            alone = how(one.features, one.probabilities, one.lengths)[0]
        np.testing.assert_allclose(together[start : start + count], alone, atol=2e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_packed_batches_learn_what_one_scan_at_a_time_learns(variant):
    _, reader = reader_of([1, 23, 60, 2, 35])
    network = new_network(replace(NUMBERS, dropout=0.0, **variant), 4).double().train()
    slices = int(reader.lengths.sum())

    def gradients(*batches):
        network.zero_grad()
        for scans in batches:
            batch = reader.batch(np.array(scans), torch.device("cpu"))
            logits = network(batch.features.double(), batch.probabilities.double(), batch.lengths)
            there = torch.from_numpy(batch.rows >= 0)
            share = int(there.sum()) / slices
            (share * label_loss(logits[there], batch.truth[there].double(), 2.0)).backward()
        return [one.grad.clone() for one in network.parameters()]

    together, alone = gradients([3, 0, 1, 4, 2]), gradients([0], [1], [2], [3], [4])
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def masks(table, unlabelled=()):
    """Rows fitted on and rows judged by; some slices of fitted scans without labels."""
    number = table.scan_of_row()
    table.truth[list(unlabelled)] = UNKNOWN
    return np.isin(number, FITTED_SCANS) & table.is_labelled(), np.isin(number, JUDGED_SCANS) & table.is_labelled()


def fit(folder, numbers=NUMBERS, told=lambda done: None, *, seed=1, change=None, unlabelled=(), config=None):
    folder.mkdir(exist_ok=True)
    table, embeddings = embedded(LENGTHS, seed=SEED)
    counted, judged = masks(table, unlabelled)
    if change:
        change(table, embeddings)
    reader = ScanReader.of(table, embeddings, Reduction.selection(range(4), 8))
    config = RunConfig(seed=seed, sequence=numbers)
    SequenceFit(folder, reader, counted, judged, config, fold=0).complete(told)
    return torch.load(folder / "weights.pt", weights_only=True), np.load(folder / "logits.npy")


def stopping_after(calls):
    made = []

    def told(done):
        made.append(done)
        if len(made) == calls:
            raise Cancelled("enough")

    return told


def assert_same(one, other):
    assert one[0].keys() == other[0].keys()
    assert all(torch.equal(one[0][name], other[0][name]) for name in one[0])
    np.testing.assert_array_equal(one[1], other[1])


def differ(one, other):
    return any(not torch.equal(one[0][name], other[0][name]) for name in one[0])


@pytest.mark.parametrize("calls", [1, 5, 6, 9, 19])
def test_a_fit_that_was_stopped_ends_as_one_that_was_not(tmp_path, calls):
    numbers = replace(NUMBERS, dropout=0.5, classifier_dropout=0.5, keep="best", deltas=True, reversal=True)
    whole = fit(tmp_path / "whole", numbers)
    with pytest.raises(Cancelled):
        fit(tmp_path / "stopped", numbers, stopping_after(calls))
    assert not (tmp_path / "stopped" / "logits.npy").exists()
    torch.rand(7)  # chance that others use must not matter
    assert_same(whole, fit(tmp_path / "stopped", numbers))
    assert (tmp_path / "whole" / "metrics.csv").read_text() == (tmp_path / "stopped" / "metrics.csv").read_text()
    assert not (tmp_path / "stopped" / "checkpoint.pt").exists()


def test_a_fit_stopped_every_few_steps_ends_too(tmp_path):
    whole = fit(tmp_path / "whole")
    for _ in range(100):
        try:
            assert_same(whole, fit(tmp_path / "often", told=stopping_after(3)))
            break
        except Cancelled:
            pass
    else:
        pytest.fail("it never ended")


def test_the_same_seed_gives_the_same_numbers_and_another_others(tmp_path):
    first = fit(tmp_path / "a")
    assert_same(first, fit(tmp_path / "b"))
    assert differ(first, fit(tmp_path / "c", seed=2))


def test_every_epoch_sees_the_fitted_scans_in_another_order(tmp_path, monkeypatch):
    orders = []

    def recorded(*arguments):
        batches = epoch_batches(*arguments)
        orders.append(np.concatenate(batches).tolist())
        return batches

    monkeypatch.setattr("training.fitting.sequence_fit.epoch_batches", recorded)
    fit(tmp_path / "a")
    assert [sorted(order) for order in orders] == [list(FITTED_SCANS)] * 3
    assert orders[0] != orders[1] != orders[2]


def test_chance_outside_is_left_as_it_was(tmp_path):
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    fit(tmp_path / "a")
    assert torch.equal(torch.rand(3), wanted)


def test_slices_without_labels_are_read_but_not_learned_from(tmp_path):
    unlabelled = (1, 8, 9)

    def other_truth(table, embeddings):
        table.truth[list(unlabelled)] = 1

    def other_features(table, embeddings):
        embeddings.pooled[list(unlabelled), 0] += 3

    first = fit(tmp_path / "a", unlabelled=unlabelled)
    assert_same(first, fit(tmp_path / "b", unlabelled=unlabelled, change=other_truth))
    assert differ(first, fit(tmp_path / "c", unlabelled=unlabelled, change=other_features))
    assert differ(first, fit(tmp_path / "d"))


def test_scans_that_are_not_fitted_change_nothing_that_is_learned(tmp_path):
    def change(table, embeddings):
        others = ~np.isin(table.scan_of_row(), FITTED_SCANS)
        embeddings.pooled[others] = 50
        table.truth[others] = 1 - table.truth[others]

    first, other = fit(tmp_path / "a"), fit(tmp_path / "b", change=change)
    assert not differ(first, other)
    assert not np.array_equal(first[1], other[1])


def weighted(truth, logits, any_weight=2.0):
    """The challenge's metric, or one with another weight, as scikit-learn computes it."""
    probability = 1 / (1 + np.exp(-logits.astype(np.float64)))
    weights = np.tile([any_weight if label is Label.ANY else 1.0 for label in LABELS], len(truth))
    return log_loss(truth.ravel(), probability.ravel(), sample_weight=weights)


@pytest.mark.parametrize("reversal", [False, True])
def test_the_metrics_are_of_what_is_left(tmp_path, monkeypatch, reversal):
    monkeypatch.undo()
    _, logits = fit(tmp_path / "a", replace(NUMBERS, reversal=reversal))
    table, _ = embedded(LENGTHS, seed=SEED)
    _, judged = masks(table)
    rows = read_rows(tmp_path / "a" / "metrics.csv")
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [float(row["rate"]) for row in rows] == list(NUMBERS.rates)
    assert float(rows[-1]["validation_loss"]) == pytest.approx(weighted(table.truth[judged], logits[judged]), rel=1e-5)
    assert (tmp_path / "a" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_best_epoch_is_kept_or_the_last(tmp_path):
    numbers = replace(NUMBERS, rates=(3e-2, 3e-2, 0.5))  # the last step is a leap into the dark
    table, _ = embedded(LENGTHS, seed=SEED)
    _, judged = masks(table)
    found = {}
    for keep in ("best", "last"):
        _, logits = fit(tmp_path / keep, replace(numbers, keep=keep))
        found[keep] = weighted(table.truth[judged], logits[judged])
    losses = [float(row["validation_loss"]) for row in read_rows(tmp_path / "last" / "metrics.csv")]
    assert min(losses) < losses[-1], "else this test shows nothing"
    assert found["best"] == pytest.approx(min(losses), rel=1e-5)
    assert found["last"] == pytest.approx(losses[-1], rel=1e-5)


@pytest.mark.parametrize("any_weight", [1.0, 2.0, 9.0])
def test_the_loss_weighs_any_as_it_is_told(tmp_path, any_weight):
    still = replace(NUMBERS, rates=(1e-12,), dropout=0.0, any_weight=any_weight)
    _, logits = fit(tmp_path / "a", still, unlabelled=(1, 8))
    table, _ = embedded(LENGTHS, seed=SEED)
    fitted, _ = masks(table, (1, 8))
    (row,) = read_rows(tmp_path / "a" / "metrics.csv")
    assert float(row["training_loss"]) == pytest.approx(weighted(table.truth[fitted], logits[fitted], any_weight), 1e-4)


@pytest.mark.parametrize("reversal", [False, True])
def test_the_weights_are_what_half_precision_holds_and_the_logits_are_theirs(tmp_path, reversal):
    weights, logits = fit(tmp_path / "a", replace(NUMBERS, reversal=reversal))
    assert all(torch.equal(one, one.half().float()) for one in weights.values() if one.ndim > 1)
    network = new_network(NUMBERS, 4)
    network.load_state_dict(weights)
    network.eval()
    _, embeddings = embedded(LENGTHS, seed=SEED)
    for start, count in zip(np.cumsum([0, *LENGTHS]), LENGTHS, strict=False):
        rows, length = slice(start, start + count), torch.tensor([count])
        features = torch.from_numpy(embeddings.pooled[None, rows, :4])
        probabilities = torch.sigmoid(torch.from_numpy(embeddings.logits[None, rows]))
        with torch.no_grad():
            wanted = network(features, probabilities, length)[0]
            if reversal:
                wanted = (wanted + network(features.flip(1), probabilities.flip(1), length)[0].flip(0)) / 2
        np.testing.assert_allclose(logits[rows], wanted, atol=1e-6)


def test_reading_along_the_scan_is_learned(tmp_path):
    table, embeddings = embedded([20] * 60, seed=4)
    number = table.scan_of_row()
    reader = ScanReader.of(table, embeddings, Reduction.selection(range(6), 8))
    config = RunConfig(sequence=replace(NUMBERS, hidden=16, layers=1, rates=(1e-2,) * 6, batch=4))
    SequenceFit(tmp_path, reader, number < 40, number >= 40, config, fold=0).complete(lambda done: None)
    logits, judged = np.load(tmp_path / "logits.npy"), number >= 40
    assert weighted(table.truth[judged], logits[judged]) < 0.8 * weighted(
        table.truth[judged], embeddings.logits[judged]
    )


def test_a_loss_that_is_not_a_number_ends_the_fit(tmp_path):
    def spoil(table, embeddings):
        embeddings.pooled[0] = np.nan

    with pytest.raises(IhdError, match=r"the loss of epoch 1, step \d is nan; smaller sequence.rates"):
        fit(tmp_path / "a", change=spoil)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (replace(NUMBERS, rates=()), "there are 0 sequence.rates"),
        (replace(NUMBERS, batch=0), "sequence.batch is 0"),
    ],
)
def test_numbers_that_fit_nothing_are_refused(tmp_path, numbers, message):
    with pytest.raises(ConfigError, match=message):
        fit(tmp_path / "a", numbers)


def test_nothing_to_fit_or_to_choose_on_is_refused(tmp_path):
    table, reader = reader_of(LENGTHS, SEED)
    nothing, everything = np.zeros(len(table), bool), np.ones(len(table), bool)
    best = RunConfig(sequence=replace(NUMBERS, keep="best"))
    with pytest.raises(ConfigError, match="leaves 0 labelled slices to fit"):
        SequenceFit(tmp_path, reader, nothing, everything, best, fold=0)
    with pytest.raises(ConfigError, match="keep is best, and 0 validation slices"):
        SequenceFit(tmp_path, reader, everything, nothing, best, fold=0)
    SequenceFit(tmp_path, reader, everything, nothing, RunConfig(sequence=NUMBERS), fold=0)


def stage(tmp_path, monkeypatch, sequence_share=0.3):
    """A run of two folds up to the reduction."""
    table, embeddings = embedded(LENGTHS, seed=SEED)
    names = ["train"] * 5 + ["sequence"] * 4 + ["validation"] * 2 + ["test"]

    def role(run, table, fold):
        turned = np.roll([ROLES.index(name) for name in names], 3 * fold)
        return turned[table.scan_of_row()].astype(np.int8)

    monkeypatch.setattr("training.fitting.sequence.open_pictures", lambda run: SimpleNamespace(table=table))
    monkeypatch.setattr("training.fitting.sequence.roles", role)
    monkeypatch.setattr("training.fitting.sequence.load_embeddings", lambda run, fold: embeddings)
    monkeypatch.setattr("training.fitting.sequence.load_reduction", lambda run, fold: Reduction.selection(range(4), 8))
    config = RunConfig(sequence=NUMBERS)
    config = replace(config, split=replace(config.split, folds=2, sequence_share=sequence_share))
    run = RunFolder(tmp_path, config)
    for step in ("index", "split", "slices", "cnn", "embeddings", "reduction"):
        run.begin(step)
        run.finish(step, data_sha256="0")
    return run, table


def test_the_stage_goes_on_in_the_fold_where_it_was_stopped(tmp_path, monkeypatch):
    whole, _ = stage(tmp_path / "whole", monkeypatch)
    told = []
    train_sequence(whole, report=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {total for _, total in told} == {2 * (3 * (4 + 2) + 12)}
    assert told[-1] == (60, 60)
    stopped, table = stage(tmp_path / "stopped", monkeypatch)

    def stop_in_second_fold(done, total):
        if done > 40:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        train_sequence(stopped, report=stop_in_second_fold)
    with pytest.raises(FileError, match="run the stage sequence first"):
        sequence_logits(stopped, 0)
    train_sequence(stopped)
    for fold in (0, 1):
        found = sequence_logits(stopped, fold)
        assert found.shape == (len(table), 6)
        np.testing.assert_array_equal(found, sequence_logits(whole, fold))
        network = load_sequence(stopped, fold)
        assert not network.training
        assert not any(one.requires_grad for one in network.parameters())
    assert not np.array_equal(sequence_logits(whole, 0), sequence_logits(whole, 1))
    train_sequence(stopped, report=lambda done, total: pytest.fail("a finished stage is not run again"))


@pytest.mark.parametrize(("share", "fitted"), [(0.3, 4), (0.0, 5)])
def test_scans_kept_from_the_cnn_are_fitted_on_where_there_are_any(tmp_path, monkeypatch, share, fitted):
    run, _ = stage(tmp_path, monkeypatch, share)
    totals = set()
    train_sequence(run, report=lambda done, total: totals.add(total))
    assert totals == {2 * (3 * (fitted + 2) + 12)}


def test_weights_that_the_last_step_broke_are_refused(tmp_path, monkeypatch):
    """The loss of a step is computed before it: only what is chosen on sees what the last one did."""
    monkeypatch.setattr("training.fitting.sequence_fit.read_scans", broken)
    for keep in ("last", "best"):
        with pytest.raises(IhdError, match=r"validation loss of epoch 1 is nan"):
            fit(tmp_path / keep, replace(NUMBERS, keep=keep))
        assert not (tmp_path / keep / "weights.pt").exists()


def broken(network, reader, scans, **_):
    return np.full(reader.truth.shape, np.nan, np.float32)
