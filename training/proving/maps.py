"""How heatmaps lie on the lesions of a slice: the peak, the energy, and which of several lesions are painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.heatmaps.explain import FURTHER, OWN, Kind, agreement, full_scale, heatmap, on_slice
from ihd_core.heatmaps.focus import cell_mm
from ihd_core.heatmaps.overlay import Layer, paint
from ihd_core.labels import LABELS, Label
from training.proving.peaks import place_at, place_of_peak

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ihd_core.predict import Prediction
    from ihd_core.scan import Scan
    from training.proving.peaks import Place

    Mask = NDArray[np.bool_]

SMALLEST_MM2 = 20.0
"""A smaller part of a lesion is not counted as one."""
SETTING = "screen"
"""Whose operating points say which labels the joint view paints, as the program does by default."""


@dataclass(frozen=True, slots=True)
class MapOf:
    """One heatmap of a slab, slices that are read as one, against the lesions that can be seen there.

    Attributes:
        label: None for the joint view of all labels detected in the scan; its lesions are those of all subtypes.
        slice_index: the first slice of the slab on which the label can be seen.
        kind: of what the map shows the evidence.
        place: of the peak; of the joint view, the pixel with the largest share of its label's full scale.
        energy: 0..1, share of the evidence drawn on the lesion; near: on it or no farther from it than one cell. 0
            where there is no evidence.
        lesions: that are apart by more than one cell and have SMALLEST_MM2; touched: of these, how many have a painted
            pixel on them.
        painted_near: 0..1, share of the painted area that lies on a lesion or within one cell of it; None where nothing
            is painted.
        disagrees: of the CNN's map, whether the program says that the slice's result rests on other places.
    """

    label: Label | None
    slice_index: int
    kind: Kind
    place: Place
    energy: float
    near: float
    lesions: int
    touched: int
    painted_near: float | None
    disagrees: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What can be seen of a label on the pixels of a slab.

    Attributes:
        lesion: (rows, columns), where it is.
        near: the same and what is no farther from it than one cell of the map.
        numbers: int32 (rows, columns), separate lesions from 1 on; 0 elsewhere and on what is too small to count.
    """

    lesion: Mask
    near: Mask
    numbers: NDArray[np.int32]

    @classmethod
    def of(cls, lesion: Mask, one_cell_mm: float, spacing_mm: tuple[float, float]) -> Shown:
        """Find the separate lesions: what a map could tell apart, more than one cell of it between them."""
        from scipy import ndimage

        if not lesion.any():
            return cls(lesion, lesion, np.zeros(lesion.shape, np.int32))
        apart = ndimage.distance_transform_edt(~lesion, sampling=spacing_mm)
        joined, count = ndimage.label(apart <= one_cell_mm / 2, structure=np.ones((3, 3)))
        numbers = np.where(lesion, joined, 0).astype(np.int32)
        areas = np.bincount(numbers.ravel(), minlength=count + 1) * (spacing_mm[0] * spacing_mm[1])
        kept = np.zeros(count + 1, np.int32)
        large = 1 + np.flatnonzero(areas[1:] >= SMALLEST_MM2)
        kept[large] = np.arange(1, len(large) + 1)
        return cls(lesion, np.asarray(apart <= one_cell_mm, bool), kept[numbers])

    def judged(
        self, layers: Sequence[Layer], drawn: NDArray[np.float32]
    ) -> tuple[float, float, int, int, float | None]:
        """What MapOf has from energy to painted_near.

        Args:
            layers: what is painted together; none: nothing is.
            drawn: (rows, columns), the evidence whose share is wanted.
        """
        total = float(drawn.sum(dtype=np.float64))
        shares = [
            float(drawn[mask].sum(dtype=np.float64)) / total if total > 0 else 0.0 for mask in (self.lesion, self.near)
        ]
        painted = paint(layers)[..., 3] > 0 if layers else np.zeros(self.lesion.shape, bool)
        touched = len(np.unique(self.numbers[painted & (self.numbers > 0)]))
        painted_near = float(self.near[painted].mean()) if painted.any() else None
        return shares[0], shares[1], int(self.numbers.max(initial=0)), touched, painted_near


@dataclass(frozen=True, slots=True, eq=False)
class Slab:
    """Slices that are read as one, and what can be seen there.

    Attributes:
        index: the first of its slices on which a label can be seen.
        lesions: by label that can be seen, (rows, columns), where it is; any is among them.
        inside: (rows, columns), the inside of the skull.
    """

    index: int
    lesions: Mapping[Label, Mask]
    inside: Mask


def maps_of(scan: Scan, prediction: Prediction, slab: Slab) -> list[MapOf]:
    """All heatmaps of a slab against its lesions: of every label by itself, and of all detected labels together.

    Args:
        scan: what was predicted.
        prediction: of this scan, with what its result rests on.
        slab: of this scan.

    Returns:
        Kind by kind, OWN and those of FURTHER that the prediction has, every label that can be seen in the order of
        LABELS, then the joint view.

    Raises:
        CannotPredict: a gradient of the result is not a finite number.
    """
    detected, spacing = prediction.detected(SETTING), scan.spacing_mm[1:]
    one_cell = cell_mm(heatmap(prediction, Label.ANY, slab.index), spacing)
    shown = {label: Shown.of(slab.lesions[label], one_cell, spacing) for label in LABELS if label in slab.lesions}
    found = []
    for kind in (*OWN, *(kind for kind in FURTHER if kind in prediction.further)):
        layers = {}
        for label in dict.fromkeys((*shown, *detected)):
            one = heatmap(prediction, label, slab.index, kind)
            drawn = on_slice(one)
            layers[label] = Layer(drawn / np.float32(full_scale(prediction, label, kind)), label)
            if label in shown:
                place = place_of_peak(one, shown[label].lesion, slab.inside, spacing)
                told = kind is Kind.CNN and agreement(scan, prediction, label, slab.index).disagree
                judged = shown[label].judged([layers[label]], drawn)
                found.append(MapOf(label, slab.index, kind, place, *judged, told))
        joint = [layers[label] for label in detected]
        strongest = (
            np.max([layer.values for layer in joint], axis=0) if joint else np.zeros(slab.inside.shape, np.float32)
        )
        place = _place_of_strongest(strongest, shown[Label.ANY].lesion, slab.inside, spacing, one_cell)
        found.append(MapOf(None, slab.index, kind, place, *shown[Label.ANY].judged(joint, strongest)))
    return found


def _place_of_strongest(
    strongest: NDArray[np.float32], lesion: Mask, inside: Mask, spacing_mm: tuple[float, float], one_cell_mm: float
) -> Place:
    if strongest.max(initial=0) <= 0:
        return "no evidence"
    row, column = np.unravel_index(int(strongest.argmax()), strongest.shape)
    return place_at((int(row), int(column)), lesion, inside, spacing_mm, one_cell_mm)
