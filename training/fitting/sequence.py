"""Stage sequence: fit the BiLSTM of every fold on whole scans, and keep what it says of every slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ihd_core.files import file_errors
from ihd_core.progress import Report, silent
from training.data.pictures import open_pictures
from training.data.split import ROLES, roles
from training.fitting.features import load_embeddings
from training.fitting.reduction import load_reduction
from training.fitting.scan_batches import ScanReader
from training.fitting.sequence_fit import LOGITS, WEIGHTS, SequenceFit, new_network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.networks.network import SequenceNetwork
    from training.data.slice_table import SliceTable
    from training.run_folder import RunFolder


def train_sequence(run: RunFolder, *, report: Report = silent) -> None:
    """Fit the BiLSTM of every fold; goes on where an earlier sitting stopped.

    On a CPU a stop changes no number. On a GPU cuDNN draws by itself what drops out, so a stop changes that.

    It is fitted on the scans kept from the CNN where SplitConfig.sequence_share keeps any, else on those the CNN was
    fitted on. A scan is read whole; the loss is the mean over those of its slices that are labelled. Validation is
    measured with the weights rounded as they are shipped, and with scans read both ways if that is asked for.

    Written in sequence/foldN: weights.pt, metrics.csv (an epoch a row), curves.png and logits.npy, what the BiLSTM says
    of every row of the table.

    Args:
        run: with the step reduction done.
        report: called with scans: those fitted and judged in every epoch, and all of them at the end.

    Raises:
        FileError: a step before is missing, or the disk is full.
        ConfigError: there is nothing to fit or to choose on, or the BiLSTM would have nothing to read.
        IhdError: the loss is not a number any more.
        Cancelled: by report; the state is kept.
    """
    if run.is_done("sequence"):
        return
    table = open_pictures(run).table
    fits = [_fit(run, fold, table) for fold in run.folds()]
    done, total = 0, sum(fit.units for fit in fits)
    for fit in fits:
        fit.complete(lambda units, before=done: report(before + units, total))  # type: ignore[misc]
        done += fit.units
    report(total, total)
    run.finish("sequence")


def load_sequence(run: RunFolder, fold: int) -> SequenceNetwork:
    """What train_sequence() left, in evaluation mode.

    Raises:
        FileError: the stage has not been run.
    """
    path = run.folder("sequence", fold) / WEIGHTS
    network = new_network(run.config.sequence, len(load_reduction(run, fold).components))
    with file_errors(path, "cannot be read"):
        network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval().requires_grad_(False)


def sequence_logits(run: RunFolder, fold: int) -> NDArray[np.float32]:
    """What the BiLSTM of a fold says of every row of the table, (rows, labels).

    Raises:
        FileError: the stage has not been run.
    """
    path = run.folder("sequence", fold) / LOGITS
    with file_errors(path, "cannot be read"):
        logits: NDArray[np.float32] = np.load(path)
    return logits


def _fit(run: RunFolder, fold: int, table: SliceTable) -> SequenceFit:
    """One fold's fitting, begun or to be begun."""
    of = roles(run, table, fold)
    fitted = of == ROLES.index("sequence" if run.config.split.sequence_share > 0 else "train")
    judged = of == ROLES.index("validation")
    reader = ScanReader.of(table, load_embeddings(run, fold), load_reduction(run, fold))
    folder = run.begin("sequence", fold)
    return SequenceFit(folder, reader, fitted & table.has_labels(), judged & table.is_labelled(), run.config, fold=fold)
