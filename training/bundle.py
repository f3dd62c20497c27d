"""Stage bundle: the model folder that the program opens, with its card filled in from the run."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ihd_core.files import sha256
from ihd_core.labels import LABELS
from ihd_core.model_file import Member, ModelInfo, SequenceShape, TrainingData, salted_sha256, save_model
from training.data.pictures import open_pictures
from training.data.sources import load_sources
from training.data.split import ROLES, roles
from training.fitting.cnn import load_cnn
from training.fitting.features import load_embeddings
from training.fitting.reduction import load_reduction
from training.fitting.sequence import load_sequence
from training.judging.evaluate import evaluate
from training.model_card import card

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

    from numpy.typing import NDArray

    from ihd_core.estimate import Estimate
    from ihd_core.labels import Label
    from training.judging.bootstrap import Drawn
    from training.judging.evaluate import Evaluation
    from training.run_folder import RunFolder

DEMONSTRATION = "Demonstration model, trained on synthetic heads, not for clinical use"
RESEARCH = "For research; not a medical device, not for clinical use"

_FULL_COLOUR_SHARE = 0.75
"""Share of the positive validation slices whose peak stays below full colour."""


def bundle(run: RunFolder) -> Path:
    """Write the model folder into the run and return it.

    Raises:
        FileError: a stage before it has not been run, or it cannot be written.
    """
    found = evaluate(run)
    members = [Member(load_cnn(run, fold), load_reduction(run, fold), load_sequence(run, fold)) for fold in run.folds()]
    config, sequence = run.config, run.config.sequence
    reduction = members[0].reduction
    info = ModelInfo(
        name=config.name,
        intended_use=DEMONSTRATION if is_synthetic(run) else RESEARCH,
        demonstration=is_synthetic(run),
        backbone=config.cnn.backbone,
        side=config.prepare.side,
        mean=_three(config.cnn.mean),
        deviation=_three(config.cnn.deviation),
        reduction=_reduction(config.reduction.kind),
        pooled_count=members[0].cnn.head.in_features,
        sequence=SequenceShape(
            0 if reduction is None else len(reduction.components),
            sequence.hidden,
            sequence.layers,
            sequence.dropout,
            sequence.classifier_dropout,
            sequence.probabilities,
            sequence.deltas,
        ),
        operating_points=found.choice.points,
        full_scale=_full_scale(run),
        training=training_data(run),
        metrics=_metrics(found),
        resize="hu",
        neighbours=config.cnn.neighbours,
        members=len(members),
        flip=config.features.flip,
        reversal=sequence.reversal,
        blend=found.choice.blend,
        scan_rule=found.choice.scan_rule,
    )
    folder = run.path / "model"
    save_model(folder, info, members=members, card=card(run, info, found))
    return folder


def is_synthetic(run: RunFolder) -> bool:
    """Whether the run was made from phantoms of its own or of its base; a preset may have some that are not used."""
    images = load_sources(run).images
    return run.config.synthetic.scans > 0 and all(folder.parent.name == "synthetic" for folder in images)


def _three(values: tuple[float, ...]) -> tuple[float, float, float]:
    first, second, third = values
    return first, second, third


def _reduction(kind: str) -> Literal["pca", "selection"]:
    return "pca" if kind == "pca" else "selection"


def _full_scale(run: RunFolder) -> dict[Label, float]:
    """By label, the evidence below which most peaks of positive validation slices lie."""
    table = open_pictures(run).table
    scales = {}
    peaks, truth = [], []
    for fold in run.folds():
        rows = np.flatnonzero((roles(run, table, fold) == ROLES.index("validation")) & table.is_labelled())
        peaks.append(load_embeddings(run, fold).peaks[rows])
        truth.append(table.truth[rows] == 1)
    all_peaks, all_truth = np.concatenate(peaks), np.concatenate(truth)
    for label in LABELS:
        of_label = all_peaks[all_truth[:, label.column], label.column]
        scales[label] = (float(np.quantile(of_label, _FULL_COLOUR_SHARE)) if len(of_label) else 0.0) or 1.0
    return scales


def training_data(run: RunFolder) -> TrainingData:
    """Who was fitted and chosen on, as the model keeps it.

    With several folds everybody but the test scans was fitted on. A scan counts of which one slice does.
    """
    table = open_pictures(run).table
    salt = sha256(f"{run.config.name} {run.config.seed} {run.facts('index')['data_sha256']}".encode())[:16]
    fitted, chosen = np.zeros(len(table), bool), np.zeros(len(table), bool)
    for fold in run.folds():
        of_fold = roles(run, table, fold)
        fitted |= np.isin(of_fold, [ROLES.index("train"), ROLES.index("sequence")])
        chosen |= of_fold == ROLES.index("validation")
    chosen &= ~fitted
    what = "synthetic heads, rendered by ihd_core.phantom" if is_synthetic(run) else "head CT scans"
    return TrainingData(
        f"{len(np.unique(table.scans[fitted]))} {what} for fitting and {len(np.unique(table.scans[chosen]))} for "
        "choosing operating points"
        f"{'; no patient' + chr(39) + 's data' if is_synthetic(run) else ''}; seed {run.config.seed}, "
        f"table of slices {run.facts('index')['data_sha256'][:16]}",
        salt,
        _salted(salt, table.patients[fitted]),
        _salted(salt, table.series[fitted]),
        _salted(salt, table.patients[chosen]),
        _salted(salt, table.series[chosen]),
    )


def _salted(salt: str, names: NDArray[np.str_]) -> tuple[str, ...]:
    # Sorted by the hash: the order of the files would say something about who is who.
    return tuple(sorted(salted_sha256(salt, name) for name in np.unique(names).tolist() if name))


def _metrics(found: Evaluation) -> dict[str, object]:
    """What was measured, for the window: accuracy at the operating points "screen"."""
    rows = []
    for one in found.reached:
        if one.setting == "screen":
            row = found.row(found.system, one.level, one.label)
            rows.append(
                {"level": one.level, "label": one.label, "positives": row.counts.positives}
                | {"negatives": row.counts.negatives, "auc": _plain(row.auc)}
                | {"sensitivity": _plain(one.sensitivity), "specificity": _plain(one.specificity)}
            )
    losses = {model: _plain(loss) for model, loss in found.losses.items()}
    return {
        "scans": found.scans,
        "slices": found.slices,
        "role": found.judged.role,
        "at": "screen",
        "weighted_log_loss": losses,
        "test": rows,
    }


def _plain(drawn: Drawn) -> dict[str, Any] | None:
    estimate: Estimate | None = drawn.estimate()
    return None if estimate is None else asdict(estimate)
