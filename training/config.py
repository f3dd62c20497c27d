"""Every number a run depends on, one frozen dataclass a stage."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SyntheticConfig:
    """How many phantoms are rendered for what.

    Attributes:
        train: scans the CNN is fitted on.
        sequence: scans the BiLSTM is fitted on; apart from train, because the CNN is too sure of what it was fitted on.
        validation: scans that choose checkpoints, operating points and the colour scale.
        test: scans nothing was chosen on.
        side: rows and columns of a stored slice.
    """

    train: int = 360
    sequence: int = 120
    validation: int = 140
    test: int = 140
    side: int = 256


@dataclass(frozen=True, slots=True)
class CnnConfig:
    """Fitting the slice network from random weights.

    Attributes:
        slices_per_epoch: drawn anew for every epoch; a slice with hemorrhage is drawn positive_weight times as often.
        mask_weight: weight of the second head, which marks the cells that hold hemorrhage; it shapes the features and
            is not shipped.
        any_weight: weight of the label any in the loss; 2 in the challenge's metric.
    """

    backbone: str = "small"
    epochs: int = 8
    slices_per_epoch: int = 6400
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    positive_weight: float = 3.0
    mask_weight: float = 1.0
    any_weight: float = 2.0
    bf16: bool = True


@dataclass(frozen=True, slots=True)
class FocusConfig:
    """Going on with the slice network, so that its evidence stays on the hemorrhage.

    Attributes:
        weight: of one unit of logit that a slice's map holds beside the mask, against the loss of the labels.
    """

    epochs: int = 2
    learning_rate: float = 6e-4
    weight: float = 0.2


@dataclass(frozen=True, slots=True)
class SequenceConfig:
    """Fitting the BiLSTM on reduced features.

    Source:
        Paper, section 3 and 4; scans a step: 1 there, more here for speed.
    """

    features: int = 120
    hidden: int = 256
    layers: int = 3
    dropout: float = 0.3
    epochs: int = 12
    batch: int = 4
    learning_rate: float = 5e-4


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One run, from phantoms to a model folder."""

    seed: int = 1
    name: str = "ihd-demo"
    synthetic: SyntheticConfig = field(default_factory=SyntheticConfig)
    cnn: CnnConfig = field(default_factory=CnnConfig)
    focus: FocusConfig = field(default_factory=FocusConfig)
    sequence: SequenceConfig = field(default_factory=SequenceConfig)


SMALL = RunConfig(
    name="ihd-rehearsal",
    synthetic=SyntheticConfig(train=3, sequence=2, validation=4, test=4, side=64),
    cnn=CnnConfig(epochs=1, slices_per_epoch=32, batch=8, bf16=False),
    focus=FocusConfig(epochs=1),
    sequence=SequenceConfig(features=8, hidden=8, layers=1, epochs=1),
)
"""Every stage in seconds; proves the path, not the model."""

PRESETS = {"demo": RunConfig(), "rehearsal": SMALL}
