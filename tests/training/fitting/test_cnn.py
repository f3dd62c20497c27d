"""The slice network learns, stops where it is asked to, and goes on as if it had not been stopped."""

import hashlib
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import training.fitting.cnn
import training.fitting.cnn_fit
from ihd_core.errors import Cancelled, FileError
from ihd_core.networks.network import SliceCnn
from ihd_core.progress import silent
from tests.training.fitting.bright_spots import BrightSpots
from training.config import CnnConfig, ConfigError, LocalisedConfig, RunConfig
from training.fitting.cnn import fit_fold, judge, new_fit
from training.fitting.cnn_fit import autocast_type, rate_and_momentum, set_training
from training.fitting.distributed import Processes
from training.fitting.loader import Loader
from training.fitting.objective import Objective
from training.fitting.start import begin_with, described_start
from training.fitting.stop_signals import stop_signals
from training.run_folder import read_rows

ALONE = Processes(0, 1, 1, torch.device("cpu"))
NUMBERS = RunConfig(
    cnn=CnnConfig(backbone="small", rates=(1e-3, 1e-3), batch=4, precision="fp32", noise_hu=2.0, blur=0.5, average=0.9),
    localised=LocalisedConfig(mask_head=1.0, outside=0.1, missed=0.1, from_epoch=1),
)


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch):
    """They take longer than the fits; one, of the fixture whole, is drawn."""
    monkeypatch.setattr(training.fitting.cnn, "draw_curves", lambda *files: None)


def numbers_with(**changes):
    return replace(NUMBERS, cnn=replace(NUMBERS.cnn, **changes), localised=LocalisedConfig())


def fit(folder, config=NUMBERS, report=silent, source=None, stop=None):
    folder.mkdir(exist_ok=True)
    source = source or BrightSpots(side=32)
    rows = np.arange(len(source.table))
    parts = (rows[:16], rows[16:])
    fit_fold(folder, source, parts, config, 0, processes=ALONE, report=report, stop=stop or threading.Event())
    return torch.load(folder / "weights.pt", weights_only=True)


def stopped_after(steps):
    calls = []

    def report(done, total):
        calls.append(done)
        if len(calls) == steps + 1:
            raise Cancelled("enough")

    return report


def untimed(path):
    timed = ("seconds", "wait_share", "images_per_s")
    return [{name: value for name, value in row.items() if name not in timed} for row in read_rows(path)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "fold0"
    return fit(folder), folder


@pytest.mark.parametrize("steps", [3, 4, 6])
def test_a_fit_that_was_stopped_ends_as_one_that_was_not(tmp_path, whole, steps):
    folder = tmp_path / "fold0"
    with pytest.raises(Cancelled):
        fit(folder, report=stopped_after(steps))
    assert not (folder / "weights.pt").exists()
    resumed = fit(folder)
    assert whole[0].keys() == resumed.keys()
    assert all(torch.equal(whole[0][name], resumed[name]) for name in resumed)
    assert untimed(whole[1] / "metrics.csv") == untimed(folder / "metrics.csv")
    assert not (folder / "checkpoint.pt").exists()


def test_a_fit_that_was_killed_goes_on_from_its_last_checkpoint(tmp_path, whole, monkeypatch):
    monkeypatch.setattr(training.fitting.cnn_fit, "CHECKPOINT_SECONDS", 0.0)
    calls = []

    def killed(done, total):
        calls.append(done)
        if len(calls) == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "fold0", report=killed)
    calls.clear()
    resumed = fit(tmp_path / "fold0", report=lambda done, total: calls.append(done))
    assert calls[0] == 6 * 4, "slices of the steps that were over"
    assert all(torch.equal(whole[0][name], resumed[name]) for name in resumed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_at_the_next_step(tmp_path, number):
    done = []

    def report(now, total):
        done.append(now)
        if len(done) == 2:
            os.kill(os.getpid(), number)

    with stop_signals() as stop, pytest.raises(Cancelled):
        fit(tmp_path / "fold0", report=report, stop=stop)
    assert len(done) <= 3
    assert (tmp_path / "fold0" / "checkpoint.pt").exists()


def test_a_fold_that_is_done_is_not_fitted_again(whole):
    before = (whole[1] / "weights.pt").stat().st_mtime_ns
    fit(whole[1], report=stopped_after(0))
    assert (whole[1] / "weights.pt").stat().st_mtime_ns == before


def test_progress_counts_slices_to_the_end(tmp_path):
    heard = []
    fit(tmp_path / "fold0", numbers_with(rates=(1e-3,)), report=lambda *both: heard.append(both))
    assert heard == [(0, 16), (4, 16), (8, 16), (12, 16), (16, 16)]


def test_weights_are_those_that_half_precision_can_hold(whole):
    for name, value in whole[0].items():
        assert value.ndim < 2 or torch.equal(value, value.half().float()), name
    SliceCnn("small").load_state_dict(whole[0])


def test_metrics_hold_every_epoch_and_parts_from_their_first(whole):
    first, second = read_rows(whole[1] / "metrics.csv")
    assert (first["epoch"], second["epoch"]) == ("0", "1")
    assert first["missed_loss"] == "nan"
    assert float(second["missed_loss"]) > 0
    assert 0 <= float(second["validation_auc_any"]) <= 1
    assert (whole[1] / "curves.png").stat().st_size > 1000


def test_blood_is_learnt(tmp_path):
    source = BrightSpots(count=72, side=32)
    rows = np.arange(72)
    config = numbers_with(rates=(3e-3,) * 6, schedule="one-cycle", optimizer="adamw", batch=8)
    fit_fold(tmp_path, source, (rows[:56], rows[56:]), config, 0, processes=ALONE, stop=threading.Event())
    last = read_rows(tmp_path / "metrics.csv")[-1]
    assert float(last["validation_auc_any"]) > 0.9


@pytest.mark.parametrize("augmentation", ["after", "none"])
def test_every_way_of_augmentation_takes_neighbours(tmp_path, augmentation):
    weights = fit(tmp_path / "fold0", numbers_with(neighbours=1, augmentation=augmentation, rates=(1e-3,)))
    assert weights["conv1.weight"].shape[1] == 9


def test_frozen_batch_norm_keeps_its_statistics(tmp_path, whole):
    frozen = fit(tmp_path / "fold0", numbers_with(freeze_batch_norm=True, rates=(1e-3,)))
    assert not frozen["bn1.running_mean"].any()
    assert whole[0]["bn1.running_mean"].any()
    module = set_training_of(SliceCnn("small"), is_frozen=True)
    assert module.training
    assert not module.bn1.training


def set_training_of(module, *, is_frozen):
    set_training(module, is_frozen=is_frozen)
    return module


def test_recomputed_activations_change_no_gradient():
    from training.fitting.loader import Batch

    rng = torch.Generator().manual_seed(0)
    batch = Batch(
        torch.randint(-100, 100, (2, 1, 32, 32), generator=rng).to(torch.int16),
        torch.tensor([[0.0, 1, 0, 0, 0, 1], [0.0] * 6]),
        torch.zeros(2, 6, 2, 2, dtype=torch.int64),
        torch.zeros(2, 5, 2, 2, dtype=torch.uint8),
        torch.zeros(2, dtype=torch.bool),
    )
    gradients = []
    for checkpointing in (False, True):
        config = numbers_with(checkpointing=checkpointing)
        cnn = begin_with(config, 0)
        assert cnn.checkpointing is checkpointing
        Objective(cnn, config.cnn, config.localised).train()(batch, None, 0)[0].backward()
        gradients.append([one.grad for one in cnn.parameters()])
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two)


def test_the_loss_is_the_weighted_sum_of_its_parts_from_their_epoch():
    rules = LocalisedConfig(mask_head=2.0, outside=3.0, missed=5.0, from_epoch=1)
    config = replace(NUMBERS, localised=rules)
    source = BrightSpots(side=32)
    fit_now = new_fit(config, source, np.arange(24), 0, processes=ALONE, checkpoint=Path("none"))
    batch = next(batches := fit_now.loader.batches(np.arange(8)[None], (0,)))
    batches.close()
    fit_now.objective.eval()
    for epoch, weights in ((0, (1, 2, 0, 0)), (1, (1, 2, 3, 5))):
        total, parts = fit_now.objective(batch, None, epoch)
        assert float(total.detach()) == pytest.approx(float(parts @ torch.tensor(weights, dtype=parts.dtype)))
        assert [float(part) > 0 for part in parts] == [weight > 0 for weight in weights]


def test_starting_weights_come_from_the_file(tmp_path):
    torch.manual_seed(9)
    other = SliceCnn("small")
    torch.save(other.state_dict(), tmp_path / "start.pt")
    cnn = begin_with(numbers_with(start=str(tmp_path / "start.pt")), 0)
    assert torch.equal(cnn.conv1.weight, other.conv1.weight)


def test_folds_begin_with_weights_of_their_own_seed():
    weights = [begin_with(NUMBERS, fold).conv1.weight for fold in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_judging_runs_over_every_slice_once(monkeypatch):
    source = BrightSpots(count=10, side=32)
    cnn = SliceCnn("small").eval()
    rows = np.arange(1, 10)
    found = judge(cnn, Loader(source, NUMBERS.cnn), rows, "fp32", ALONE)
    from ihd_core.model_input import channels
    from training.metrics import auc, weighted_log_loss

    with torch.no_grad():
        logits = cnn(torch.from_numpy(np.stack([channels(source.hu(row)) for row in rows]))).logits.numpy()
    truth = source.table.truth[rows] == 1
    assert np.isclose(found["validation_loss"], weighted_log_loss(truth, logits), rtol=1e-5)
    assert found["validation_auc_any"] == auc(truth[:, -1], logits[:, -1])


def test_one_cycle_is_torchs():
    numbers = CnnConfig(rates=(1e-4, 3e-3, 1e-3), schedule="one-cycle")
    optimizer = torch.optim.AdamW([torch.zeros(1)], 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=3 * 7)
    for place in range(21):
        rate, momentum = rate_and_momentum(numbers, place // 7, place % 7, 7)
        group = optimizer.param_groups[0]
        assert np.isclose(rate, group["lr"], rtol=1e-9)
        assert np.isclose(momentum, group["betas"][0], rtol=1e-9)
        optimizer.step()
        if place < 20:
            schedule.step()


def test_each_epoch_has_its_rate():
    numbers = CnnConfig()
    assert [rate_and_momentum(numbers, epoch, 5, 10) for epoch in range(3)] == [(1e-4, 0.9), (1e-4, 0.9), (2e-5, 0.9)]


def test_half_precision_needs_a_gpu():
    cpu = torch.device("cpu")
    with pytest.raises(ConfigError, match="fp16, must be bf16 or fp32 without a GPU"):
        autocast_type("fp16", cpu)
    assert autocast_type("fp32", cpu) is None
    assert autocast_type("bf16", cpu) is torch.bfloat16


def test_a_loss_that_is_no_number_ends_the_fit_and_is_not_kept(tmp_path):
    with pytest.raises(ConfigError, match=r"epoch 0 is not a number; cnn.rates up to 1e\+30 are too high"):
        fit(tmp_path / "fold0", numbers_with(rates=(1e30,)))
    assert not list((tmp_path / "fold0").iterdir())


def test_without_a_labelled_slice_nothing_is_fitted(tmp_path):
    source = BrightSpots(side=32)
    source.table.truth[:16] = -1
    with pytest.raises(FileError, match="no slice of which a label is known"):
        fit(tmp_path / "fold0", source=source)


def test_the_log_says_which_weights_a_fit_begins_with(tmp_path):
    torch.save({"fc.weight": torch.zeros(1000, 224), "fc.bias": torch.zeros(1000)}, tmp_path / "start.pt")
    torch.save({**SliceCnn("small").state_dict(), **torch.load(tmp_path / "start.pt")}, tmp_path / "start.pt")
    said = described_start(CnnConfig(backbone="small", start=str(tmp_path / "start.pt")))
    assert str(tmp_path / "start.pt") in said
    assert hashlib.sha256((tmp_path / "start.pt").read_bytes()).hexdigest()[:16] in said
    assert "not taken: fc.bias, fc.weight" in said


def test_kernels_are_rounded_to_half_precision_only_where_asked(tmp_path, whole):
    exact = fit(tmp_path / "fold0", replace(NUMBERS, cnn=replace(NUMBERS.cnn, half=False)))
    kernel = exact["conv1.weight"]
    assert not torch.equal(kernel, kernel.half().float())
    assert torch.equal(whole[0]["conv1.weight"], kernel.half().float())
