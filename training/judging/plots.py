"""Pictures of an evaluation: reliability diagram and ROC curves, as PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import DISPLAY_ORDER, Label
from training.data.slice_table import UNKNOWN
from training.judging.calibration import expected_calibration_error, reliability
from training.metrics import auc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Levels = Mapping[str, NDArray[np.int8]]
    Scores = Mapping[str, NDArray[np.float32]]

_LEVELS = {"slice": ("Slices", "#0072b2", "-", "o"), "scan": ("Scans", "#d55e00", "--", "s")}
_STYLES = (("-", 1.8), ("--", 1.4), (":", 1.4))
_MODEL_COLOURS = ("#0072b2", "#d55e00", "#009e73")
_POINTS = 2000
"""Most points of a drawn curve."""


def reliability_plot(truth: Levels, score: Scores, model: str) -> bytes:
    """PNG: for every label, what happened against what was said, over bins of equal mass, on slices and on scans.

    Args:
        truth: (rows, labels) by level; UNKNOWN is left out.
        score: probabilities, likewise.
        model: for the title.
    """
    figure = _figure(10.5, 7.2)
    for axes, label in zip(figure.subplots(2, 3, sharex=True, sharey=True).flat, DISPLAY_ORDER, strict=True):
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
        for level, (name, colour, line, marker) in _LEVELS.items():
            yes, p = _known(truth[level], score[level], label)
            if not len(p):
                continue
            bins = reliability(yes, p, "equal mass")
            x, y = [one.probability for one in bins], [one.share.value for one in bins]
            bars = np.abs(np.array([[one.share.low, one.share.high] for one in bins]) - np.array(y)[:, None]).T
            error = expected_calibration_error(yes, p, "equal mass")
            axes.errorbar(
                x, y, bars, color=colour, linestyle=line, marker=marker, markersize=3.5, linewidth=1.2,
                elinewidth=0.8, label=f"{name}: ECE {error:.3f}",
            )  # fmt: skip
        _frame(axes, label)
        axes.legend(loc="upper left", fontsize=8, framealpha=0.85, edgecolor="none")
    figure.supxlabel("Mean probability of a bin (equal mass)", fontsize=10)
    figure.supylabel("Share of positives, 95 % (Wilson)", fontsize=10)
    figure.suptitle(f"Reliability: {model}", fontsize=12)
    return _png(figure)


def roc_plot(truth: Levels, scores: Mapping[str, Scores]) -> bytes:
    """PNG: ROC curves of every label, slices above and scans below, all models in one panel.

    Args:
        truth: (rows, labels) by level; UNKNOWN is left out.
        scores: probabilities by model and level.
    """
    figure = _figure(15, 6.2)
    panels = figure.subplots(2, 6, sharex=True, sharey=True)
    for line, level in zip(panels, _LEVELS, strict=True):
        for axes, label in zip(line, DISPLAY_ORDER, strict=True):
            for (model, score), (style, width), colour in zip(scores.items(), _STYLES, _MODEL_COLOURS, strict=False):
                yes, p = _known(truth[level], score[level], label)
                if yes.any() and not yes.all():
                    x, y = roc_curve(yes, p)
                    name = f"{model} {auc(yes, p):.3f}"
                    axes.plot(x, y, linestyle=style, linewidth=width, color=colour, label=name)
            axes.plot([0, 1], [0, 1], color="0.8", linewidth=0.8, zorder=0)
            _frame(axes, label)
            if axes.get_legend_handles_labels()[0]:
                axes.legend(
                    loc="lower right", fontsize=7.5, framealpha=0.85, edgecolor="none", title="AUC", title_fontsize=7.5
                )
        line[0].set_ylabel(f"{_LEVELS[level][0]}: sensitivity", fontsize=10)
    figure.supxlabel("1 − specificity", fontsize=10)
    return _png(figure)


def roc_curve(truth: NDArray[np.bool_], score: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """1 - specificity and sensitivity at every threshold, from (0, 0) to (1, 1); truth has both sides."""
    order = np.argsort(-score, kind="stable")
    sorted_score, sorted_truth = score[order], truth[order]
    # Equal probabilities are called together.
    last = np.flatnonzero(np.r_[sorted_score[1:] != sorted_score[:-1], True])
    hits = np.cumsum(sorted_truth)[last]
    wrong = last + 1 - hits
    x, y = np.r_[0, wrong / wrong[-1]], np.r_[0, hits / hits[-1]]
    if len(x) > _POINTS:
        # Evenly along the curve, whichever way it runs: rare positives are its steepest and most telling part.
        along = x + y
        keep = np.unique(np.searchsorted(along, np.linspace(0, 2, _POINTS)).clip(0, len(x) - 1))
        x, y = x[keep], y[keep]
    return x, y


def _known(
    truth: NDArray[np.int8], score: NDArray[np.float32], label: Label
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    column = truth[:, label.column]
    return column[column != UNKNOWN] == 1, score[column != UNKNOWN, label.column]


def _figure(width: float, height: float) -> Figure:
    """A figure of its own: pyplot would keep it and choose a screen."""
    from matplotlib.figure import Figure

    return Figure((width, height), dpi=110, layout="constrained")


def _frame(axes: Axes, label: Label) -> None:
    axes.set_title(
        label.short_name if label is Label.ANY else f"{label.capitalize()} ({label.short_name})", fontsize=10
    )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.tick_params(labelsize=8)
    axes.grid(color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _png(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
