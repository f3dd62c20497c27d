"""Stage features, second half: from the pooled features of a slice to the few that the BiLSTM reads."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import torch

from ihd_core.files import file_errors, write_atomically
from ihd_core.networks.network import Reduction
from ihd_core.progress import Report, silent
from training.config import ConfigError
from training.data.pictures import open_pictures
from training.data.split import ROLES, roles
from training.fitting.cnn import load_cnn
from training.fitting.features import load_embeddings
from training.fitting.rounding import rounded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.config import ReductionConfig
    from training.data.slice_table import SliceTable
    from training.run_folder import RunFolder

VECTORS = 11
"""Purpose of chance: which slices the reduction is computed from."""

_CHUNK = 4096
_FILE = "reduction.pt"


def fit_reduction(run: RunFolder, *, report: Report = silent) -> None:
    """Fit the reduction of every fold and leave it in reduction/foldN/reduction.pt, rounded as it is shipped.

    It is computed from slices that the CNN was fitted on: it needs no truth, they are the most, and nothing of the
    scans that the BiLSTM is fitted or chosen on reaches its inputs by another way than the CNN.

    Args:
        run: with the step embeddings done.
        report: called with folds.

    Raises:
        FileError: the embeddings are missing.
        ConfigError: more features are asked for than there are, or than vectors to find them with.
    """
    if run.is_done("reduction"):
        return
    numbers, table = run.config.reduction, open_pictures(run).table
    for fold in run.folds():
        report(fold, len(run.folds()))
        pooled = load_embeddings(run, fold).pooled
        fitted = np.flatnonzero(roles(run, table, fold) == ROLES.index("train"))
        rows = drawn_rows(fitted, table, numbers, (run.config.seed, fold))
        reduction = reduced(pooled, rows, load_cnn(run, fold).head.weight.detach().numpy(), numbers)
        reduction.load_state_dict(rounded(reduction))
        run.note(_described(reduction, pooled[rows], numbers, fold))
        content = BytesIO()
        torch.save(reduction.state_dict(), content)
        write_atomically(run.begin("reduction", fold) / _FILE, content.getvalue())
    report(len(run.folds()), len(run.folds()))
    run.finish("reduction")


def load_reduction(run: RunFolder, fold: int) -> Reduction:
    """What fit_reduction() left.

    Raises:
        FileError: the stage has not been run.
    """
    path = run.folder("reduction", fold) / _FILE
    with file_errors(path, "cannot be read"):
        saved = torch.load(path, weights_only=True)
    return Reduction(saved["mean"], saved["components"]).requires_grad_(False)


def drawn_rows(
    fitted: NDArray[np.intp], table: SliceTable, numbers: ReductionConfig, key: tuple[int, ...]
) -> NDArray[np.intp]:
    """Rows to compute the reduction from, ascending; all of them where there are not more than are asked for.

    Args:
        fitted: rows to choose among.
        table: its files are the order of "first".
        numbers: vectors and drawn are read.
        key: of the chance.
    """
    if numbers.drawn == "first":
        chosen = fitted[np.argsort(table.files[fitted], kind="stable")[: numbers.vectors]]
    else:
        count = min(numbers.vectors, len(fitted))
        chosen = np.random.default_rng([VECTORS, *key]).choice(fitted, count, replace=False)
    return np.sort(chosen)


def reduced(
    pooled: NDArray[np.float32], rows: NDArray[np.intp], head: NDArray[np.float32], numbers: ReductionConfig
) -> Reduction:
    """The reduction of one fold, not rounded.

    Args:
        pooled: (slices, K).
        rows: slices that PCA and deviations are computed from.
        head: (labels, K), the CNN's weights.
        numbers: kind and count are read.

    Raises:
        ConfigError: more features are asked for than there are, or than vectors to find them with.
    """
    width = pooled.shape[1]
    if numbers.kind == "all":
        return Reduction.selection(range(width), width)
    if numbers.kind == "none":
        return Reduction.selection([], width)
    if not 1 <= numbers.count <= width:
        raise ConfigError(f"reduction.count is {numbers.count}; must be 1 to {width}, the features of the CNN")
    if numbers.kind in ("largest", "smallest"):
        chosen = by_weight(head, numbers.count, is_largest=numbers.kind == "largest")
        return Reduction.selection(chosen.tolist(), width)
    if len(rows) <= numbers.count:
        raise ConfigError(
            f"reduction.count is {numbers.count}; must be less than the {len(rows)} slices it is fitted on"
        )
    if numbers.kind == "deviation":
        order = np.argsort(-pooled[rows].std(axis=0, dtype=np.float64), kind="stable")
        return Reduction.selection(order[: numbers.count].tolist(), width)
    return principal_components(pooled[rows], numbers.count)


def principal_components(vectors: NDArray[np.float32], count: int) -> Reduction:
    """The directions of largest variance, by the eigenvectors of the covariance in double precision.

    The sign of a direction is such that its entry of largest magnitude, the first of equals, is positive.

    Args:
        vectors: (n, K).
        count: how many directions, the one of largest variance first.
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((len(mean), len(mean)))
    for start in range(0, len(vectors), _CHUNK):
        centred = vectors[start : start + _CHUNK] - mean
        scatter += centred.T @ centred
    _, directions = np.linalg.eigh(scatter)
    components = directions[:, ::-1][:, :count].T
    largest = np.abs(components).argmax(axis=1)
    components = components * np.sign(components[np.arange(count), largest])[:, None]
    return Reduction(torch.from_numpy(mean), torch.from_numpy(components))


def by_weight(head: NDArray[np.float32], count: int, *, is_largest: bool) -> NDArray[np.intp]:
    """Features with the largest or smallest |weight| in the CNN's head, in the order in which they were taken.

    The labels take turns in their order; each takes the best for itself among those that are left, the first of equals.
    So 120 are the 20 best of each of six labels where these differ, and a feature that two labels want is taken by the
    first, while the other goes on to its next.

    Args:
        head: (labels, K).
        count: how many, at most K.
        is_largest: |weight|; else smallest.

    Source:
        Burduja et al., Sensors 2020, 20(19):5611, section 3.3: "the lowest or highest weights (in absolute value) for
        each output class"; what happens to a feature of two classes is not said there.
    """
    magnitude = np.abs(head)
    preference = np.argsort(-magnitude if is_largest else magnitude, axis=1, kind="stable")
    is_taken = np.zeros(head.shape[1], np.bool_)
    places = [0] * len(head)
    chosen = []
    for turn in range(count):
        label = turn % len(head)
        while is_taken[preference[label, places[label]]]:
            places[label] += 1
        feature = preference[label, places[label]]
        is_taken[feature] = True
        chosen.append(feature)
    return np.array(chosen, np.intp)


def _described(reduction: Reduction, vectors: NDArray[np.float32], numbers: ReductionConfig, fold: int) -> str:
    """How much of the variance is kept, in a line for the log."""
    kept, of = reduction.components.shape
    text = f"features: fold {fold}: {kept} of {of} features ({numbers.kind}, {len(vectors)} slices)"
    all_of_it = float(vectors.var(axis=0, dtype=np.float64).sum())
    if not kept or not all_of_it:
        return text
    share = float(reduction(torch.from_numpy(vectors)).numpy().var(axis=0, dtype=np.float64).sum()) / all_of_it
    return f"{text} hold {100 * share:.2f} % of the variance"
