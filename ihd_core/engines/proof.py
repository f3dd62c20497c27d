"""Whether a runtime says the same of sample slices as torch in single precision, in probabilities and heatmaps."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.model_input import neighbours_of, placement, slabs, slice_input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import nn

    from ihd_core.model_file import ModelInfo
    from ihd_core.networks.network import CnnOutput
    from ihd_core.scan import Scan

_SLICES, _SIZE = 4, 256
_SAMPLED = (3,)
"""Seed of the phantom that samples come from: a head whose slices about the ventricles hold blood."""
_CALIBRATED = tuple(range(11, 19))
_VALIDATED = tuple(range(21, 37))
"""Seeds of the heads that integers are fitted to, and of other heads that they are then tried on."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a runtime may stray from torch fp32.

    Attributes:
        probability: the largest change of any.
        heatmap: the largest change of any cell of a label's evidence, as a share of the label's peak over the samples.
    """

    probability: float
    heatmap: float


EXACT = Bounds(probability=1e-3, heatmap=1e-3)
"""For single precision, which differs in the order of sums alone: the two are some 1e-5 apart where all is well."""
ROUNDED = Bounds(probability=0.02, heatmap=0.05)
"""For bf16. It keeps 8 bits, so each layer errs by up to 1 in 256 and the errors of independent layers partly cancel:
0.016 was seen on a trained ResNet-18. 0.02 is below the steps in which a reader tells suspicions apart (10 of 100), and
a twentieth of the peak is less than half a step of the ten that a colour bar can be read by."""
INTEGER = Bounds(probability=0.05, heatmap=0.1)
"""For int8, which somebody must ask for by name: half a step of a reader's suspicion, one step of the colour bar, on 64
slices of 16 heads that it was not fitted to."""


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a runtime strayed; the units of Bounds."""

    probability: float
    heatmap: float

    def beyond(self, bounds: Bounds) -> str:
        """What is wrong, to follow a name; empty where nothing is."""
        if not np.isfinite([self.probability, self.heatmap]).all():
            return "gives values that are no finite numbers"
        if self.probability > bounds.probability:
            return f"strays by {self.probability:.2g} in probability (limit {bounds.probability:g})"
        if self.heatmap > bounds.heatmap:
            return f"strays by {self.heatmap:.2g} of the peak in heatmaps (limit {bounds.heatmap:g})"
        return ""


def distance(output: CnnOutput, reference: CnnOutput, head: nn.Linear) -> Distance:
    """How far a runtime's reading of some pictures is from the reference; not a number where either is none."""
    shapes = [tuple(tensor.shape) for tensor in output]
    if shapes != [tuple(tensor.shape) for tensor in reference]:
        return Distance(np.inf, np.inf)
    ours, theirs = (_probabilities(one) for one in (output, reference))
    map_ours, map_theirs = (_evidence(one, head) for one in (output, reference))
    peak = np.abs(map_theirs).max(axis=(0, 2), keepdims=True)
    strayed = np.abs(map_ours - map_theirs) / np.maximum(peak, np.finfo(np.float32).tiny)
    return Distance(float(np.abs(ours - theirs).max()), float(strayed.max()))


def furthest(distances: Sequence[Distance]) -> Distance:
    """The largest of each; not a number where one is not."""
    return Distance(
        float(np.max([one.probability for one in distances])), float(np.max([one.heatmap for one in distances]))
    )


def sample_pictures(info: ModelInfo) -> NDArray[np.float32]:
    """Slices that a model's runtimes are tried on, float32 (n, channels, side, side), 0..1; always the same.

    They are of a phantom, not of the scan at hand: which engine runs should depend on the model and the machine alone,
    so that the same scan, opened again after another one, is read as before.
    """
    return _pictures(info, _SAMPLED)


def calibration_pictures(info: ModelInfo) -> NDArray[np.float32]:
    """Slices that integers are fitted to; of other heads than those of validation_pictures()."""
    return _pictures(info, _CALIBRATED)


def validation_pictures(info: ModelInfo) -> NDArray[np.float32]:
    """Slices of several heads that an engine is tried on which was fitted to slices."""
    return _pictures(info, _VALIDATED)


def _pictures(info: ModelInfo, seeds: Sequence[int]) -> NDArray[np.float32]:
    """As sample_pictures(), of the phantoms with these seeds."""
    return np.concatenate([_pictures_of(_phantom(seed), info) for seed in seeds])


def _pictures_of(scan: Scan, info: ModelInfo) -> NDArray[np.float32]:
    place, groups = placement(scan, info.side), slabs(scan)
    single = [slice_input(scan, group, place, info.resize).channels for group in groups]
    stacked = [
        np.concatenate([single[one] for one in neighbours_of(index, len(groups), info.neighbours)])
        for index in range(len(groups))
    ]
    return np.stack(stacked)


@functools.cache
def _phantom(seed: int) -> Scan:
    from ihd_core.phantom.phantom import phantom_scan

    return phantom_scan(seed, size=_SIZE, slices=_SLICES).scan


def _probabilities(output: CnnOutput) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        probabilities: NDArray[np.float64] = 1 / (1 + np.exp(-output.logits.numpy().astype(np.float64)))
    return probabilities


def _evidence(output: CnnOutput, head: nn.Linear) -> NDArray[np.float64]:
    """Before the ReLU, (n, labels, cells): what heatmaps are drawn from."""
    weight = head.weight.detach().cpu().numpy().astype(np.float64)
    evidence: NDArray[np.float64] = weight @ output.activations.numpy().astype(np.float64).reshape(
        len(output.activations), weight.shape[1], -1
    )
    return evidence
