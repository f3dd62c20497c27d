"""Everything about a model but its weights, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from ihd_core.files import sha256
from ihd_core.labels import LABELS, Label
from ihd_core.model_input import CHANNELS, Cells, Resize
from ihd_core.scan_rule import ScanRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ihd_core.estimate import Estimate
    from ihd_core.windowing import Window

SETTINGS = ("screen", "confirm", "paper")
"""Choices of operating points; the first is the default, "paper" is 0.5 everywhere."""
LEVELS = ("scan", "slice")
NOT_MEASURED = Cells(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where a probability becomes a call: the label is called where the probability is above the threshold.

    Attributes:
        threshold: 0..1.
        sensitivity: on the data it was chosen on; None where not measured.
        specificity: on the data it was chosen on; None where not measured.
        positives: cases with the label behind the sensitivity.
        negatives: cases without it behind the specificity.
    """

    threshold: float
    sensitivity: Estimate | None = None
    specificity: Estimate | None = None
    positives: int = 0
    negatives: int = 0


@dataclass(frozen=True, slots=True)
class SequenceShape:
    """What SequenceNetwork is built with.

    Attributes:
        features: reduced features of a slice, k; 0 where the CNN's probabilities are all that it reads.
        hidden: units of one direction.
        layers: stacked LSTMs.
        dropout: between them, in training.
        classifier_dropout: before the last layer, in training.
        probabilities: where the CNN's probabilities go: into the LSTMs ("input"), to the last layer ("classifier"), to
            "both", or nowhere ("none").
        deltas: features joined by their differences from the slices below and above.
    """

    features: int = 120
    hidden: int = 256
    layers: int = 3
    dropout: float = 0.3
    classifier_dropout: float = 0.0
    probabilities: Literal["none", "input", "classifier", "both"] = "classifier"
    deltas: bool = False


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What the model was made from, without naming anybody: identifiers are salted SHA-256, see salted_sha256().

    Attributes:
        description: one paragraph.
        salt: put before every identifier.
    """

    description: str
    salt: str
    training_patients: tuple[str, ...] = ()
    training_series: tuple[str, ...] = ()
    validation_patients: tuple[str, ...] = ()
    validation_series: tuple[str, ...] = ()

    def role_of(self, patient_id: str, series_uid: str) -> str:
        """What a scan was used for when the model was made: "training", "validation", or "" for neither."""
        patient, series = salted_sha256(self.salt, patient_id), salted_sha256(self.salt, series_uid)
        if (patient_id and patient in self.training_patients) or series in self.training_series:
            return "training"
        if (patient_id and patient in self.validation_patients) or series in self.validation_series:
            return "validation"
        return ""


Points = dict[str, dict[str, dict[Label, OperatingPoint]]]
"""Operating points by setting, level and label."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Everything about a model but its weights.

    Attributes:
        name: short, for the screen.
        intended_use: one sentence that goes wherever its results go.
        demonstration: trained on synthetic heads, to show the program; not for clinical use.
        backbone: a key of network.BACKBONES.
        side: of the network's picture, pixels.
        mean: per channel, of windowed slices 0..1; deviation likewise.
        reduction: how the pooled features become few: "pca" or "selection"; "none" where no BiLSTM reads features.
        pooled_count: features before the reduction, K.
        sequence: what the BiLSTM is built with; its features are those after the reduction, k. None: there is no
            BiLSTM, the CNN has the last word.
        operating_points: by setting ("screen", "confirm", "paper"), level ("scan", "slice") and label.
        full_scale: by label, the evidence that heatmaps paint at full colour.
        training: what it was made from.
        metrics: numbers measured on held-out data, for the model card and the window.
        cells: where the cells of the CNN's last map look; measured when the model is saved.
        windows: HU to channels.
        resize: slices are made small as "windows" (first windowed, then resized) or as "hu" (rounded to whole HU).
        neighbours: slices on either side that the CNN sees as further channels.
        members: networks of one shape whose logits are averaged, such as the folds of a cross-validation.
        flip: every slice is averaged with its mirror image.
        reversal: the BiLSTM reads the scan upwards and downwards, and its logits are averaged.
        blend: by label, the CNN's share of a slice's logit; the BiLSTM has the rest. A label that is missing has 0.
        scan_rule: how slices become a scan.
        sha256: of the description with these digits replaced by zeros; it names the other files' hashes, so it stands
            for the whole model. Empty before the model is saved.
    """

    name: str
    intended_use: str
    demonstration: bool
    backbone: str
    side: int
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    reduction: Literal["pca", "selection", "none"]
    pooled_count: int
    sequence: SequenceShape | None
    operating_points: Mapping[str, Mapping[str, Mapping[Label, OperatingPoint]]]
    full_scale: Mapping[Label, float]
    training: TrainingData
    metrics: Mapping[str, object] = field(default_factory=dict)
    cells: Cells = NOT_MEASURED
    windows: tuple[Window, ...] = CHANNELS
    resize: Resize = "windows"
    neighbours: int = 0
    members: int = 1
    flip: bool = False
    reversal: bool = False
    blend: Mapping[Label, float] = field(default_factory=lambda: dict.fromkeys(LABELS, 0.0))
    scan_rule: ScanRule = field(default_factory=ScanRule)
    sha256: str = ""

    @property
    def reading(self) -> str:
        """Whose probabilities count, for the screen: "CNN", or "CNN + BiLSTM"."""
        return "CNN" if self.sequence is None else "CNN + BiLSTM"

    def threshold(self, setting: str, level: str, label: Label) -> float:
        """The probability above which a label is called; level is "scan" or "slice".

        It is a float32's value, as probabilities are: a comparison then cuts at one place, whether it is made in single
        or in double precision.
        """
        return float(np.float32(self.operating_points[setting][level][label].threshold))


def salted_sha256(salt: str, identifier: str) -> str:
    """How a patient or series is named in a model's training data."""
    return sha256(f"{salt}{identifier}".encode())


def paper_points() -> dict[str, dict[Label, OperatingPoint]]:
    """The paper's setting: p > 0.5 for every label, slices and scans alike."""
    return {level: {label: OperatingPoint(0.5) for label in LABELS} for level in LEVELS}
