"""The columns of every exported table, and what each means: the data dictionary."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        kind: "text", "whole number", "number", or "0 or 1".
        meaning: one sentence, with unit and range; an empty cell means not known or not asked.
    """

    name: str
    kind: str
    meaning: str


_READER = Column("reader", "text", "Pseudonym of the reader.")
_CASE = Column("case", "text", "Pseudonym of the case.")
_PHASE = Column("phase", "text", "blind, assisted, rating, reveal, adjudication or consensus.")
_REPEAT = Column("repeat", "whole number", "1, or 2 where the reader read the case a second time.")
_SESSION = Column("session", "whole number", "1, or 2 after the washout of a crossover.")
_ARM = Column("arm", "text", "without or with the model.")
_LABEL = Column("label", "text", "any, epidural, intraparenchymal, intraventricular, subarachnoid or subdural.")
_SLICE = Column("slice_index", "whole number", "Slice from 0, the most inferior one.")
_SECONDS = Column("seconds", "number", "Seconds on the screen, without pauses and lost focus.")
_OVERLAP = Column("overlap", "text", "training or validation where the model was made with this patient; else empty.")
_VERSION = Column("version", "whole number", "Version of the protocol under which this was answered.")

TABLES: dict[str, tuple[Column, ...]] = {
    "labels.csv": (
        _READER,
        _CASE,
        _PHASE,
        _ARM,
        _SESSION,
        _REPEAT,
        _LABEL,
        Column("call", "0 or 1", "1 is yes; empty where not answered."),
        Column("suspicion", "whole number", "0 to 100; 50 and more is a yes."),
        Column("truth", "0 or 1", "Reference standard of the study."),
        Column("ai_visible", "0 or 1", "1 where the model's result was seen before this answer."),
        _OVERLAP,
        _VERSION,
    ),
    "ratings.csv": (
        _READER,
        _PHASE,
        _CASE,
        _SLICE,
        _LABEL,
        Column("value", "text", "correct, partially correct or incorrect."),
        Column("reason", "text", "Why it is not correct."),
        Column("missed", "0 or 1", "1 where a hemorrhage on the slice is not shown at all."),
        Column("stratum", "text", "discordant: all such heatmaps were rated; concordant: drawn by lot."),
        Column("weight", "number", "How many heatmaps of its stratum and label this one stands for."),
        Column("method", "text", "Of the heatmap."),
        Column("model_sha256", "text", "The model's hash."),
        Column("window_center", "number", "HU."),
        Column("window_width", "number", "HU."),
        Column("opacity", "number", "Of the heatmap, 0 to 1."),
        Column("views", "whole number", "How often the heatmap was on the screen."),
        _SECONDS,
        _OVERLAP,
        _VERSION,
    ),
    "disputes.csv": (
        _READER,
        _PHASE,
        _CASE,
        _LABEL,
        Column("value", "text", "The verdict on truth (reveal), or yes or no (adjudication)."),
        Column("reason", "text", "In the reader's words."),
        Column("decided", "text", "truth, heatmap, both or neither decided it."),
        Column("truth", "0 or 1", "Reference standard of the study."),
        Column("stratum", "text", "Of an adjudicated label: discordant, or concordant and drawn by lot."),
        Column("weight", "number", "How many labels of its stratum this one stands for."),
        _SECONDS,
        _OVERLAP,
        _VERSION,
    ),
    "times.csv": (
        _READER,
        _CASE,
        _PHASE,
        _ARM,
        _SESSION,
        _REPEAT,
        _SECONDS,
        Column("slices_seen", "whole number", "Different slices that were on the screen."),
        Column("slices", "whole number", "Slices of the scan."),
        Column("ai_visible_seconds", "number", "Seconds for which the model's result was on the screen."),
        _OVERLAP,
        _VERSION,
    ),
    "views.csv": (
        _READER,
        _CASE,
        _PHASE,
        _REPEAT,
        _SLICE,
        _LABEL,
        Column("view", "whole number", "1, 2, 3... within this reading."),
        Column("window_center", "number", "HU."),
        Column("window_width", "number", "HU."),
        Column("opacity", "number", "Of the heatmap, 0 to 1."),
        _SECONDS,
    ),
    "truth.csv": (_CASE, _LABEL, Column("truth", "0 or 1", "Reference standard of the study."), _OVERLAP),
    "readers.csv": (
        _READER,
        Column("role", "text", "reader, adjudicator or panel."),
        Column("specialty", "text", "As the protocol has it."),
        Column("years", "number", "Of experience."),
        Column("head_cts", "number", "Head CTs read in a week."),
        Column("trained", "0 or 1", "1 where trained on this program before the study."),
    ),
}
"""Columns by file, in order."""
