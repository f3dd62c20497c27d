"""The model card: what a model is, what it was made from, how good it was, what it is not for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ihd_core.labels import DISPLAY_ORDER
from training.data.sources import load_sources
from training.fitting.start import PACKAGES

if TYPE_CHECKING:
    from ihd_core.model_file import ModelInfo
    from training.judging.bootstrap import Drawn
    from training.judging.evaluate import Evaluation
    from training.run_folder import RunFolder

_PROOF = "## What it was proved on"
_SOURCE = "Burduja, Ionescu and Verga (Sensors 2020, 20(19):5611)"


def card(run: RunFolder, info: ModelInfo, found: Evaluation) -> str:
    """Markdown for people, from the run's numbers."""
    return f"""# {info.name}

**{info.intended_use}.**
{_warning(info)}
## What it is

{_what(info)}

## What it was made from

{info.training.description}. Patients and series are kept in `model.json` as salted hashes, so that the program warns
when a scan was used to make the model. Preset "{run.config.preset}"; every number is in `config.json` of the run.
{shown_places(run)}{starting_weights(run)}{run_time(run)}
## How it did

{found.caption}

Weighted multi-label log loss (any counts twice): {_losses(found)}.

At the operating points "screen", chosen on validation scans; 95 % intervals, {found.bootstrap.method}:

{_table(found)}
A dash: no case, so nothing can be estimated.
"""


def with_proof(card: str, sections: str) -> str:
    """The card with the sections of a proof at its end, in the place of those of an earlier one."""
    return f"{card.partition(_PROOF)[0].rstrip()}\n\n{_PROOF}\n\n{sections}"


def _warning(info: ModelInfo) -> str:
    if not info.demonstration:
        return ""
    return (
        "\nIt shows what the program does. It learnt from synthetic heads alone and has not been measured on patients\n"
        "with hemorrhage; what is known of it on a real head is in this card, if anything.\n"
    )


def _what(info: ModelInfo) -> str:
    shape = info.sequence
    channels = 3 * (2 * info.neighbours + 1)
    parts = [
        f'The system of {_SOURCE}: CNN "{info.backbone}" on slices of {info.side} x {info.side} pixels in three '
        f"windows ({channels} channels)"
    ]
    if shape is not None:
        kind = {"pca": "PCA features", "selection": "selected features", "none": "features"}[info.reduction]
        where = {
            "classifier": "CNN probabilities joined in before the classifier",
            "input": "CNN probabilities among its inputs",
            "both": "CNN probabilities among its inputs and before the classifier",
            "none": "without CNN probabilities",
        }[shape.probabilities]
        deltas = " and their differences to the neighbouring slices" if shape.deltas else ""
        parts.append(f"{shape.features} {kind}{deltas}, a {shape.layers} x {shape.hidden} bidirectional LSTM, {where}")
    if info.members > 1:
        parts.append(f"{info.members} folds averaged")
    if info.flip:
        parts.append("every slice averaged with its mirror image")
    if info.reversal:
        parts.append("scans read in both orders")
    if any(info.blend.values()):
        parts.append("CNN and BiLSTM blended for every label")
    rule = {
        "maximum": "A scan's probability is the maximum over its slices",
        "fitted": "A scan's probability follows from its slices by a rule fitted on validation scans",
    }[info.scan_rule.kind]
    return f"{'; '.join(parts)}. {rule}."


def shown_places(run: RunFolder) -> str:
    """A paragraph where masks or boxes taught the CNN; else empty."""
    numbers, sources = run.config.localised, load_sources(run)
    if not (numbers.mask_head or numbers.outside or numbers.missed) or not (sources.masks or sources.boxes):
        return ""
    return (
        "\nWhile it learnt the labels, the CNN was also shown lesion masks, so that its evidence lies on the lesions.\n"
    )


def starting_weights(run: RunFolder) -> str:
    """A paragraph where the CNN began with published weights; else empty."""
    start = run.config.cnn.start
    if not start:
        return ""
    known = start if start in PACKAGES else "a file"
    kept = run.config.cnn.frozen
    note = f"; its first {kept} parts keep them as they are" if kept else ""
    notice = ", whose licence is in the project's NOTICE" if start in PACKAGES else ""
    return f"\nThe CNN was fitted from the weights of {known}{notice}{note}.\n"


def run_time(run: RunFolder) -> str:
    """A paragraph on how long the stages took and on what machine; empty where that is not known."""
    seconds = run.seconds()
    if not seconds:
        return ""
    stages = ", ".join(f"{stage} {spent / 60:.0f} min" for stage, spent in seconds.items() if spent >= 60)
    hours = sum(seconds.values()) / 3600
    return f"\nMaking it took {hours:.1f} hours ({stages or 'no stage a whole minute'}) with {run.machine()}.\n"


def _losses(found: Evaluation) -> str:
    return ", ".join(f"{model} {_text(loss, digits=4)}" for model, loss in found.losses.items())


def _table(found: Evaluation) -> str:
    head = "| level | label | positive | negative | AUC, CNN | AUC | sensitivity | specificity |\n" + "|---" * 8 + "|\n"
    lines = []
    reached = {(one.level, one.label): one for one in found.reached if one.setting == "screen"}
    for level in ("scan", "slice"):
        for label in DISPLAY_ORDER:
            row, one = found.row(found.system, level, label), reached[level, label]
            cells = [_text(found.row("CNN", level, label).auc), _text(row.auc)]
            cells += [_text(one.sensitivity), _text(one.specificity)]
            counts = f"{row.counts.positives} | {row.counts.negatives}"
            lines.append(f"| {level} | {label} | {counts} | {' | '.join(cells)} |\n")
    return head + "".join(lines)


def _text(drawn: Drawn, *, digits: int = 3) -> str:
    estimate = drawn.estimate()
    if estimate is None:
        return "-"
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f}-{estimate.high:.{digits}f})"
