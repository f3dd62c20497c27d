"""Fitting one slice network step by step; it can be stopped after every step and goes on as if it had not been."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ihd_core.errors import Cancelled
from ihd_core.files import file_errors
from training.config import ConfigError
from training.fitting.distributed import AGREE_EVERY
from training.fitting.loader import Batch, Loader, epoch_rows
from training.fitting.objective import PARTS, Objective
from training.fitting.start import is_fresh
from training.fitting.stop_signals import STOPPED
from training.fitting.weight_mean import WeightMean

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from training.config import CnnConfig
    from training.fitting.distributed import Processes

CHECKPOINT_SECONDS = 600.0


@dataclass(slots=True)
class Reached:
    """How far a fit has come; with the state of network and optimizer all that a checkpoint holds.

    Attributes:
        epoch: the one that is under way.
        step: of this epoch, the next one to do; after the last one the epoch is judged.
        sums: float64 (PARTS,), of this epoch's losses.
        seconds: of this epoch: waiting for the loader, and in all.
        rows: of metrics, one for every epoch that is over.
    """

    epoch: int = 0
    step: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0] * len(PARTS))
    seconds: list[float] = field(default_factory=lambda: [0.0, 0.0])
    rows: list[dict[str, float]] = field(default_factory=list)


class CnnFit:
    """One network being fitted.

    Args:
        objective: on the processes' device, its weights as they begin.
        loader: makes the batches.
        rows: of the loader's pictures, that are fitted.
        key: of all chance: seed and fold.
        processes: that fit it together.
        checkpoint: file that a stop leaves; where it is there, the fit goes on from it.
    """

    def __init__(
        self,
        objective: Objective,
        loader: Loader,
        rows: NDArray[np.intp],
        *,
        key: tuple[int, int],
        processes: Processes,
        checkpoint: Path,
    ) -> None:
        numbers = objective.numbers
        self.objective, self.loader, self.rows, self.key = objective, loader, rows, key
        self.processes, self.checkpoint = processes, checkpoint
        self.precision = autocast_type(numbers.precision, processes.device)
        kind = torch.optim.AdamW if numbers.optimizer == "adamw" else torch.optim.Adam
        self.optimizer = kind(rated(objective), weight_decay=numbers.weight_decay, fused=True)
        self.mean = WeightMean(objective.cnn, numbers.average)
        self.scaler = torch.amp.GradScaler(processes.device.type, enabled=self.precision is torch.float16)
        self.reached = Reached()
        if checkpoint.exists():
            self._restore()
        self._module = processes.wrapped(objective, is_frozen=numbers.freeze_batch_norm)
        self._saved = time.monotonic()

    @property
    def steps(self) -> int:
        """Of one epoch."""
        numbers = self.objective.numbers
        return -(-(numbers.slices_per_epoch or len(self.rows)) // numbers.batch)

    @property
    def done(self) -> int:
        """Steps that are over, of all epochs."""
        return self.reached.epoch * self.steps + self.reached.step

    def run(
        self,
        judge: Callable[[], Mapping[str, float]],
        keep: Callable[[list[dict[str, float]]], None],
        report: Callable[[int], None],
        stop: threading.Event,
    ) -> None:
        """Fit through all epochs that are left.

        Args:
            judge: numbers of the network after an epoch, which it may leave in evaluation mode.
            keep: called in the first process with the metrics of every epoch, after each of them.
            report: called with the steps that are over; may raise Cancelled.
            stop: when set, the fit stops at the next step.

        Raises:
            Cancelled: the fit was stopped; the checkpoint has been written.
            ConfigError: the loss became infinite or no number.
        """
        reached = self.reached
        while reached.epoch < len(self.objective.numbers.rates):
            self._epoch(report, stop)
            row = self._row(judge())
            reached.rows.append(row)
            if self.processes.is_first:
                keep(reached.rows)
            reached.epoch, reached.step = reached.epoch + 1, 0
            reached.sums, reached.seconds = [0.0] * len(PARTS), [0.0, 0.0]
            self._save()

    def averaged(self) -> AbstractContextManager[None]:
        """While it lasts the network has the mean of its weights, where cnn.average asks for one.

        It is one network in all processes: that of the first, which alone is kept. On CPUs every process has counted
        its own statistics of batch norm, from its share of the last batch on.
        """
        self.processes.as_first(self.mean.values or list(self.objective.cnn.buffers()))
        return self.mean.in_place()

    def _epoch(self, report: Callable[[int], None], stop: threading.Event) -> None:
        """The steps of this epoch that are left."""
        numbers, reached, processes = self.objective.numbers, self.reached, self.processes
        set_training(self.objective, is_frozen=numbers.freeze_batch_norm)
        key = (*self.key, reached.epoch)
        rows = epoch_rows(self.rows, self.loader.source.table, numbers, key)
        batches = self.loader.batches(rows, key, share=processes.share(numbers.batch), first=reached.step)
        sums = torch.tensor(reached.sums, dtype=torch.float64, device=processes.device)
        waited, spent = reached.seconds
        began = time.monotonic()
        try:
            while reached.step < self.steps:
                self._stop_where_asked(report, stop)
                before = time.monotonic()
                batch = next(batches)
                waited += time.monotonic() - before
                sums += self.step(batch.to(processes.device))
                reached.step += 1
                if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
                    self._note(sums, waited, spent + time.monotonic() - began)
                    self._save()
        except Cancelled:
            self._note(sums, waited, spent + time.monotonic() - began)
            self._save()
            # torchrun ends all processes once one of them has ended.
            self.processes.wait()
            raise
        finally:
            batches.close()
        self._note(sums, waited, spent + time.monotonic() - began)

    def _note(self, sums: Tensor, waited: float, seconds: float) -> None:
        """Keep an epoch's numbers; weights that a loss without a value has spoilt are not kept."""
        found = sums.tolist()
        if not all(map(math.isfinite, found)):
            rate = max(self.objective.numbers.rates)
            raise ConfigError(
                f"{self.checkpoint}: the loss of epoch {self.reached.epoch} is not a number;"
                f" cnn.rates up to {rate:g} are too high for cnn.precision={self.objective.numbers.precision}"
            )
        self.reached.sums, self.reached.seconds = found, [waited, seconds]

    def _stop_where_asked(self, report: Callable[[int], None], stop: threading.Event) -> None:
        """Raise Cancelled in all processes where one of them was asked to stop."""
        asked = stop.is_set()
        try:
            if self.processes.is_first:
                report(self.done)
        except Cancelled:
            stop.set()
            asked = True
        if self.processes.count > 1:
            if self.reached.step % AGREE_EVERY:
                return
            asked = self.processes.any(asked)
        if asked:
            raise Cancelled(STOPPED)

    def step(self, batch: Batch) -> Tensor:
        """One step of the optimizer; returns the parts of the loss."""
        numbers, reached = self.objective.numbers, self.reached
        rate, momentum = rate_and_momentum(numbers, reached.epoch, reached.step, self.steps)
        for group in self.optimizer.param_groups:
            group["lr"], group["betas"] = rate * group["share"], (momentum, group["betas"][1])
        seed = np.random.SeedSequence([*self.key, reached.epoch, reached.step, self.processes.rank])
        torch.manual_seed(int(seed.generate_state(1, np.uint64)[0] >> np.uint64(1)))
        self.optimizer.zero_grad(set_to_none=True)
        total, parts = self._module(batch, self.precision, reached.epoch)
        self.scaler.scale(total).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.mean.add(self.done)
        in_float64: Tensor = parts.to(torch.float64)
        return in_float64

    def _row(self, judged: Mapping[str, float]) -> dict[str, float]:
        """The metrics of the epoch that is over."""
        reached, numbers, rules = self.reached, self.objective.numbers, self.objective.localised
        sums = self.processes.total(torch.tensor(reached.sums, dtype=torch.float64, device=self.processes.device))
        means = dict(zip(PARTS, (sums / self.processes.count / self.steps).tolist(), strict=True))
        if reached.epoch < rules.from_epoch:
            means.update(outside_loss=math.nan, missed_loss=math.nan)
        weights = dict(zip(PARTS, (1.0, rules.mask_head, rules.outside, rules.missed), strict=True))
        used = {name: mean for name, mean in means.items() if weights[name]}
        waited, seconds = reached.seconds
        return {
            "epoch": reached.epoch,
            **used,
            **judged,
            "rate": rate_and_momentum(numbers, reached.epoch, self.steps - 1, self.steps)[0],
            "images_per_s": self.steps * numbers.batch / seconds,
            "wait_share": waited / seconds,
            "seconds": seconds,
        }

    def _save(self) -> None:
        """Write the checkpoint; in the first process alone, at a time of its own."""
        self._saved = time.monotonic()
        if self.processes.is_first:
            reached = self.reached
            state = {
                "objective": self.objective.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(),
                "mean": self.mean.values,
                "reached": [reached.epoch, reached.step, reached.sums, reached.seconds, reached.rows],
            }
            save_whole(self.checkpoint, state)

    def _restore(self) -> None:
        state = torch.load(self.checkpoint, map_location=self.processes.device, weights_only=True)
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.mean.values = state["mean"]
        self.reached = Reached(*state["reached"])


def save_whole(path: Path, state: Mapping[str, Any]) -> None:
    """torch.save, whole or not at all.

    Raises:
        FileError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with file_errors(path):
        torch.save(state, temporary)
        temporary.replace(path)


def set_training(module: nn.Module, *, is_frozen: bool) -> None:
    """Training mode; with is_frozen batch norm goes on with the statistics it has, as do those that learn nothing."""
    module.train()
    for one in module.modules():
        if isinstance(one, nn.modules.batchnorm._BatchNorm) and (is_frozen or not one.weight.requires_grad):
            one.eval()


def rated(objective: Objective) -> list[dict[str, Any]]:
    """The weights that learn, in groups of one share of the learning rate each."""
    numbers, groups = objective.numbers, dict[float, list[nn.Parameter]]()
    for name, weight in objective.named_parameters():
        is_started = bool(numbers.start) and name.startswith("cnn.") and not is_fresh(name.removeprefix("cnn."))
        if weight.requires_grad:
            groups.setdefault(numbers.start_rate if is_started else 1.0, []).append(weight)
    return [{"params": weights, "share": share} for share, weights in groups.items()]


def autocast_type(precision: str, device: torch.device) -> torch.dtype | None:
    """The type that matrix products are made in; None: float32.

    Raises:
        ConfigError: fp16 is asked for without a GPU.
    """
    if precision == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else None
    if precision == "fp16" and device.type != "cuda":
        raise ConfigError("cnn.precision is fp16, must be bf16 or fp32 without a GPU")
    return {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def rate_and_momentum(numbers: CnnConfig, epoch: int, step: int, steps: int) -> tuple[float, float]:
    """The learning rate and the optimizer's first beta of a step.

    Args:
        numbers: rates and schedule are read. One-cycle: in the first 30 % of all steps the rate rises from a 25th of
            the largest one, then falls to a 10,000th of that; the first beta goes from 0.95 to 0.85 and back.
        epoch: from 0.
        step: of this epoch, from 0.
        steps: of one epoch.

    Source:
        Smith and Topin, Super-Convergence, 2018; with cosines, as torch.optim.lr_scheduler.OneCycleLR.
    """
    if numbers.schedule == "steps":
        return numbers.rates[epoch], 0.9
    largest, last = max(numbers.rates), len(numbers.rates) * steps - 1
    now, top = epoch * steps + step, 0.3 * (last + 1) - 1
    if now <= top:
        return _between(largest / 25, largest, now / top), _between(0.95, 0.85, now / top)
    part = (now - top) / (last - top)
    return _between(largest, largest / 25 / 1e4, part), _between(0.85, 0.95, part)


def _between(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * part))
