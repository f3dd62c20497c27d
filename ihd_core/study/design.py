"""The parts of a reader study's protocol: cases, readers, phases, and what will be computed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ihd_core.labels import Label

if TYPE_CHECKING:
    from collections.abc import Mapping

SCALE = "suspicion 0 to 100, 50 and more is a yes"
ORDER = "ascending SHA-256 of seed|reader|phase|case"
ENDPOINTS = ("auc", "sensitivity", "specificity", "accuracy", "agreement")
MISSING = ("refuse", "exclude", "negative")
"""What the analysis does with a label without an answer: say so and stop, leave the case out, or take 0 for it."""
HEMORRHAGE = ("label", "any")
READINGS = ("result", "cnn")
"""Whose probabilities decide which slices are positive: the model's last word, or its CNN's."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A pseudonym of a reader or a case; also safe as the name of a file."""
LEAD = "lead"
"""Stands in the record of what the study's lead did; no reader may be called so."""


class Design(StrEnum):
    """How readings without and with the model are arranged."""

    SEQUENTIAL = "sequential"
    CROSSOVER = "crossover"
    INDEPENDENT = "independent"
    PAPER = "paper"


class Phase(StrEnum):
    """What a reader does, in the order in which it can happen; the value is what files hold."""

    TRAINING = "training"
    BLIND = "blind"
    ASSISTED = "assisted"
    RATING = "rating"
    REVEAL = "reveal"
    ADJUDICATION = "adjudication"
    CONSENSUS = "consensus"


class Role(StrEnum):
    """Who a pseudonym stands for."""

    READER = "reader"
    ADJUDICATOR = "adjudicator"
    PANEL = "panel"


READING = (Phase.BLIND, Phase.ASSISTED)
PHASES: Mapping[Design, tuple[Phase, ...]] = {
    Design.SEQUENTIAL: (Phase.BLIND, Phase.ASSISTED, Phase.RATING, Phase.REVEAL),
    Design.CROSSOVER: (Phase.BLIND, Phase.ASSISTED, Phase.RATING, Phase.REVEAL),
    Design.INDEPENDENT: (Phase.BLIND, Phase.ASSISTED, Phase.RATING, Phase.REVEAL),
    Design.PAPER: (Phase.BLIND, Phase.REVEAL, Phase.RATING),
}
"""What a design has where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Case:
    """One scan of the study.

    Attributes:
        name: pseudonym.
        pixels: SHA-256 of its HU, see cases.pixel_hash().
        scan_uid: SeriesInstanceUID, as Scan.uid.
        slices: how many, at least 1.
        training: read before the study, with feedback; its answers count for nothing.
        overlap: what the model used this patient for, "training" or "validation"; empty for nothing.
    """

    name: str
    pixels: str
    scan_uid: str
    slices: int
    training: bool = False
    overlap: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, under a pseudonym.

    Attributes:
        years: of experience, 0 and more; None where not asked.
        head_cts: head CTs read in a week; None where not asked.
        trained: on this program, before the study.
    """

    name: str
    role: Role = Role.READER
    specialty: str = ""
    years: float | None = None
    head_cts: float | None = None
    trained: bool = False


@dataclass(frozen=True, slots=True)
class Analysis:
    """What will be computed, fixed before there are data.

    Attributes:
        endpoint: one of ENDPOINTS, at scan level, with against without the model.
        label: of the primary endpoint.
        margin: of non-inferiority in units of the endpoint, 0 for superiority; below 1.
        alpha: two-sided error of the first kind, above 0 and below 1.
        family: labels whose tests share alpha (Holm); the primary one alone where empty.
        missing: one of MISSING.
    """

    hypothesis: str = "Readers are better with the model than without it."
    endpoint: str = "auc"
    label: Label = Label.ANY
    margin: float = 0.0
    alpha: float = 0.05
    family: tuple[Label, ...] = ()
    missing: str = "refuse"


@dataclass(frozen=True, slots=True)
class RatingPlan:
    """Which heatmaps are rated.

    Attributes:
        hemorrhage: "label": a heatmap is judged by the hemorrhage of its own label; "any": by any.
        concordant: heatmaps of concordant slices for each one of a discordant slice, drawn by lot; 0 for none.
        reading: one of READINGS.
        method: of the heatmap, as the record names it.
    """

    hemorrhage: str = "label"
    concordant: int = 1
    reading: str = "result"
    method: str = "grad-cam-cnn"
