"""The fitting of one fold's BiLSTM: what it is fitted on, where it stands, how it is stopped and goes on."""

from __future__ import annotations

import math
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ihd_core.errors import Cancelled, IhdError
from ihd_core.files import file_errors, write_atomically
from ihd_core.networks.network import SequenceNetwork
from training.config import ConfigError
from training.fitting.curves import draw_curves
from training.fitting.features import exact_float32
from training.fitting.losses import label_loss
from training.fitting.rounding import rounded
from training.fitting.scan_batches import epoch_batches, steady_batches
from training.metrics import weighted_log_loss
from training.run_folder import append_row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from training.config import RunConfig, SequenceConfig
    from training.fitting.scan_batches import ScanReader

    Told = Callable[[int], None]

START, ORDER, DROPOUT = 12, 13, 14
"""Purposes of chance: initial weights, the order of scans in an epoch, what drops out in a step."""

WEIGHTS, LOGITS, CHECKPOINT, METRICS = "weights.pt", "logits.npy", "checkpoint.pt", "metrics.csv"


class SequenceFit:
    """One fold's BiLSTM and where its fitting stands.

    Attributes:
        units: of work: scans fitted and judged in every epoch, and all of them at the end.

    Args:
        folder: to write into, or to go on in.
        reader: of all scans.
        counted: bool (rows,), slices whose known labels the loss counts; scans that have any are seen whole.
        judged: bool (rows,), labelled slices that an epoch is judged by.
        config: seed and sequence are read.
        fold: of the chance.

    Raises:
        ConfigError: there is nothing to fit or to choose on.
    """

    def __init__(
        self,
        folder: Path,
        reader: ScanReader,
        counted: NDArray[np.bool_],
        judged: NDArray[np.bool_],
        config: RunConfig,
        *,
        fold: int,
    ) -> None:
        self.folder, self.reader, self.counted, self.judged = folder, reader, counted, judged
        self.numbers, self.key = config.sequence, (config.seed, fold)
        self._refuse_nothing()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.fitted = self.reader.scans_with(self.counted)
        self.validation = self.reader.scans_with(self.judged)
        self.per_epoch = len(self.fitted) + len(self.validation)
        self.units = len(self.numbers.rates) * self.per_epoch + len(self.reader)

    def _refuse_nothing(self) -> None:
        numbers, fold = self.numbers, self.key[-1]
        if numbers.batch < 1 or not numbers.rates:
            raise ConfigError(
                f"sequence.batch is {numbers.batch} and there are {len(numbers.rates)} sequence.rates; "
                "each must be at least 1"
            )
        if not self.counted.any():
            raise ConfigError(f"fold {fold}: the split leaves 0 labelled slices to fit the BiLSTM on; needs 1")
        if numbers.keep == "best" and not self.judged.any():
            raise ConfigError(f"fold {fold}: sequence.keep is best, and 0 validation slices are labelled; needs 1")

    def complete(self, told: Told) -> None:
        """Fit what is left to fit, then read every scan.

        Args:
            told: called with the units done; may raise Cancelled.
        """
        if (self.folder / LOGITS).exists():
            return
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            self._begin()
            try:
                while self.epoch < len(self.numbers.rates):
                    self._fit_epoch(told)
                before = len(self.numbers.rates) * self.per_epoch
                everything = np.arange(len(self.reader))
                logits = self._read(self.kept, everything, lambda read: told(before + read))
            except Cancelled:
                self._save()
                raise
        draw_curves(self.folder / METRICS, self.folder / "curves.png")
        weights = {name: value.cpu() for name, value in self.kept.items()}
        write_atomically(self.folder / WEIGHTS, _saved(weights))
        content = BytesIO()
        np.save(content, logits)
        write_atomically(self.folder / LOGITS, content.getvalue())
        with file_errors(self.folder):
            (self.folder / CHECKPOINT).unlink(missing_ok=True)

    def _begin(self) -> None:
        """Start, or take up what an earlier sitting left."""
        torch.manual_seed(_chance(START, *self.key))
        self.network = new_network(self.numbers, len(self.reader.reduction.components)).to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), self.numbers.rates[0], fused=True)
        self.epoch, self.step, self.loss_sum, self.slices = 0, 0, 0.0, 0
        self.best, self.rows = math.inf, list[dict[str, Any]]()
        self.kept = rounded(self.network)
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        with file_errors(path, "cannot be read"):
            state = torch.load(path, weights_only=True, map_location=self.device)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.step, self.loss_sum, self.slices, self.best, self.rows, self.kept = state["rest"]

    def _save(self) -> None:
        rest = (self.epoch, self.step, self.loss_sum, self.slices, self.best, self.rows, self.kept)
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(), "rest": rest}
        write_atomically(self.folder / CHECKPOINT, _saved(state))

    def _fit_epoch(self, told: Told) -> None:
        """The steps of an epoch that are left, then its validation."""
        numbers, before = self.numbers, self.epoch * self.per_epoch
        for group in self.optimizer.param_groups:
            group["lr"] = numbers.rates[self.epoch]
        rng = np.random.default_rng([ORDER, *self.key, self.epoch])
        batches = epoch_batches(self.fitted, self.reader.lengths, numbers.batch, rng)
        self.network.train()
        for some in batches[self.step :]:
            told(before + self.step * numbers.batch)
            self._take_step(some)
            self.step += 1
        told(before + len(self.fitted))
        logits = self._read(rounded(self.network), self.validation, lambda read: told(before + len(self.fitted) + read))
        if not np.isfinite(logits[self.judged]).all():
            raise IhdError(
                f"{self.folder}: the validation loss of epoch {self.epoch + 1} is nan; smaller sequence.rates may help"
            )
        loss = weighted_log_loss(self.reader.truth[self.judged], logits[self.judged])
        if numbers.keep == "last" or loss < self.best:
            self.best, self.kept = loss, rounded(self.network)
        training_loss = self.loss_sum / self.slices
        self.rows.append(
            {
                "epoch": self.epoch + 1,
                "training_loss": training_loss,
                "validation_loss": loss,
                "rate": numbers.rates[self.epoch],
            }
        )
        self.epoch, self.step, self.loss_sum, self.slices = self.epoch + 1, 0, 0.0, 0
        # Before the checkpoint: a sitting that ends between the two writes the same row once more.
        _write_metrics(self.folder / METRICS, self.rows)
        self._save()

    def _take_step(self, scans: NDArray[np.intp]) -> None:
        batch = self.reader.batch(scans, self.device)
        counts = torch.from_numpy(self.counted[batch.rows] & (batch.rows >= 0)).to(self.device)
        # Seeded step by step, so that what drops out does not depend on where an earlier sitting stopped.
        torch.manual_seed(_chance(DROPOUT, *self.key, self.epoch, self.step))
        with exact_float32():
            logits = self.network(batch.features, batch.probabilities, batch.lengths)
            loss = label_loss(logits[counts], batch.truth[counts], self.numbers.any_weight)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        value, count = float(loss.detach()), int(counts.sum())
        if not math.isfinite(value):
            raise IhdError(
                f"{self.folder}: the loss of epoch {self.epoch + 1}, step {self.step + 1} is {value}; "
                "smaller sequence.rates may help"
            )
        self.loss_sum, self.slices = self.loss_sum + value * count, self.slices + count

    def _read(self, weights: dict[str, torch.Tensor], scans: NDArray[np.intp], told: Told) -> NDArray[np.float32]:
        """What the network with these weights says of some scans."""
        network = new_network(self.numbers, len(self.reader.reduction.components)).to(self.device).eval()
        network.load_state_dict(weights)
        return read_scans(network, self.reader, scans, reversal=self.numbers.reversal, told=told)


def new_network(numbers: SequenceConfig, features: int) -> SequenceNetwork:
    """A BiLSTM with random weights.

    Raises:
        ConfigError: it would have nothing to read.
    """
    if features == 0 and numbers.probabilities not in ("input", "both"):
        raise ConfigError(
            f"sequence.probabilities is {numbers.probabilities}; must be input or both where reduction.kind is none"
        )
    return SequenceNetwork(
        features,
        numbers.hidden,
        numbers.layers,
        numbers.dropout,
        classifier_dropout=numbers.classifier_dropout,
        probabilities=numbers.probabilities,
        deltas=numbers.deltas,
    )


@torch.no_grad()
def read_scans(
    network: SequenceNetwork, reader: ScanReader, scans: NDArray[np.intp], *, reversal: bool, told: Told
) -> NDArray[np.float32]:
    """Logits of all rows of the table, (rows, labels); nan where a row is of another scan.

    Args:
        network: in evaluation mode.
        reader: of the table.
        scans: to be read.
        reversal: average each scan read upwards with the same read downwards.
        told: called with the number of scans read.
    """
    device = network.classifier.weight.device
    logits = np.full(reader.truth.shape, np.nan, np.float32)
    read, how = 0, network.averaged if reversal else network.forward
    for some in steady_batches(scans, reader.lengths):
        batch = reader.batch(some, device)
        with exact_float32():
            found = how(batch.features, batch.probabilities, batch.lengths).cpu().numpy()
        logits[batch.rows[batch.rows >= 0]] = found[batch.rows >= 0]
        read += len(some)
        told(read)
    return logits


def _chance(*key: int) -> int:
    """A seed for torch."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)


def _saved(state: Any) -> bytes:
    content = BytesIO()
    torch.save(state, content)
    return content.getvalue()


def _write_metrics(path: Path, rows: list[dict[str, Any]]) -> None:
    """The table of all epochs so far: rewritten, because an interrupted sitting may have left a row of its own."""
    with file_errors(path):
        path.unlink(missing_ok=True)
    for row in rows:
        append_row(path, row)
