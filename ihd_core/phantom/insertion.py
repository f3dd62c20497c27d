"""Put synthetic hemorrhages into a real head, whose HU and noise stay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.labels import LABELS, SUBTYPES, Label
from ihd_core.phantom.lesion_record import PLACE_SHARE, LesionRecord, lesion_record
from ihd_core.phantom.real_head import RealHead, real_head
from ihd_core.phantom.shapes import blurred

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ihd_core.phantom.head import Tissue
    from ihd_core.phantom.hemorrhages.bleed import Hemorrhage
    from ihd_core.phantom.shapes import Field
    from ihd_core.scan import Scan

BLUR_MM = 0.6
"""Sigma of the point spread of usual soft kernels."""
PARTS = (-0.25, 0.25)
"""Where in the thickness of a slice the blood is looked up."""
EDEMA_SHARE = 0.8
TOUCHED_SHARE = 0.1
"""What changes where a subtype fills less of a pixel is swelling, not blood, and makes none visible."""


@dataclass(frozen=True, slots=True, eq=False)
class Inserted:
    """A real scan with synthetic hemorrhages, and the truth about these.

    Attributes:
        scan: the scan's own HU, changed only where blood or edema is.
        masks: by subtype (all five), uint8 (slices, rows, columns), 1 where it fills PLACE_SHARE of a voxel or more.
        truth: bool (slices, labels) in the order of LABELS: what can be seen, see LesionRecord.visible.
        faint: bool (slices, labels): there is blood, but it cannot be seen; of ANY, where no other is seen.
        records: one a subtype and slice with blood.
    """

    scan: Scan
    masks: Mapping[Label, NDArray[np.uint8]]
    truth: NDArray[np.bool_]
    faint: NDArray[np.bool_]
    records: tuple[LesionRecord, ...]


def insert(into: Scan | RealHead, lesions: Sequence[Hemorrhage]) -> Inserted:
    """Put hemorrhages into a scan.

    Blood takes the place of what is there by its share of every pixel, with the brightening that bone gives to its
    neighbours in this scan, blurred as by a scanner; the noise stays. The brain is not pushed aside.

    Args:
        into: the scan; or real_head() of it, where many are put into one.
        lesions: what to put in; where two want a place the later one has it.

    Raises:
        CannotPredict: the scan shows no inside of a skull.
    """
    head = into if isinstance(into, RealHead) else real_head(into)
    labels = tuple(label for label in SUBTYPES if any(lesion.label is label for lesion in lesions))
    hu = head.scan.hu.copy()
    masks = {label: np.zeros(hu.shape, np.uint8) for label in SUBTYPES}
    changes: list[dict[Label, tuple[Field, Field]]] = []
    for index in range(len(hu)):
        change, shares = _with_blood(head, index, lesions)
        alone = {
            label: (
                shares[label],
                (change - _with_blood(head, index, [one for one in lesions if one.label is not label])[0])
                * (shares[label] >= np.float32(TOUCHED_SHARE)),
            )
            for label in labels
            if shares[label].any()
        }
        changes.append(alone)
        if not change.any():
            continue
        hu[index] = np.clip(np.rint(hu[index] + _enlarged(change, hu.shape[1:])), -32768, 32767).astype(np.int16)
        for label, (share, _) in alone.items():
            masks[label][index] = _enlarged(share, hu.shape[1:]) >= PLACE_SHARE
    records = _records(head, labels, changes)
    truth, faint = np.zeros((2, len(hu), len(LABELS)), bool)
    for record in records:
        (truth if record.visible else faint)[record.slice_index, record.label.column] = True
    truth[:, Label.ANY.column] = truth.any(axis=1)
    faint[:, Label.ANY.column] = faint.any(axis=1) & ~truth[:, Label.ANY.column]
    return Inserted(replace(head.scan, hu=hu), masks, truth, faint, records)


def _records(
    head: RealHead, labels: Sequence[Label], changes: Sequence[Mapping[Label, tuple[Field, Field]]]
) -> tuple[LesionRecord, ...]:
    area = head.pixel_mm**2
    found = []
    for label in labels:
        here = [(index, *slices[label]) for index, slices in enumerate(changes) if label in slices]
        volume = sum(float(share.sum()) * area * float(head.thickness_mm[index]) for index, share, _ in here) / 1000
        found += [
            lesion_record(label, index, share, change, pixel_mm=head.pixel_mm, volume_ml=volume)
            for index, share, change in here
        ]
    return tuple(record for record in found if record is not None)


def _with_blood(head: RealHead, index: int, lesions: Sequence[Hemorrhage]) -> tuple[Field, dict[Label, Field]]:
    """How blood and edema change the HU of one slice, blurred; and by subtype the share of every pixel."""
    before, bright = head.base[index], head.bright[index]
    change = np.zeros_like(before)
    shares = {lesion.label: np.zeros_like(before) for lesion in lesions}
    for part in PARTS:
        one = _moved(head, index, part)
        hu = before
        left: list[tuple[Label, Field]] = []
        for lesion in lesions:
            bleed = lesion.on(one)
            if bleed.edema is not None:
                swollen = np.minimum(hu, np.float32(bleed.edema_hu) + bright)
                hu = hu + (swollen - hu) * bleed.edema * np.float32(EDEMA_SHARE) * one.inside
            hu = hu + (bleed.hu + bright - hu) * bleed.share
            left = [(label, share * (1 - bleed.share)) for label, share in left]
            left.append((lesion.label, bleed.share))
        change += hu - before
        for label, share in left:
            shares[label] += share
    change = blurred(change * np.float32(1 / len(PARTS)), BLUR_MM / head.pixel_mm)
    return change, {label: share * np.float32(1 / len(PARTS)) for label, share in shares.items()}


def _moved(head: RealHead, index: int, part: float) -> Tissue:
    """The tissue of a part of one slice: what leans moves in, the rest is as in the middle."""
    one, up = head.tissues[index], part * float(head.thickness_mm[index])
    shift = [np.float32(up * along) for along in head.lie.normal]
    plane = replace(
        one.plane,
        x=one.plane.x + shift[0],
        y=one.plane.y + shift[1],
        z=one.plane.z + shift[2],
        thickness_mm=one.plane.thickness_mm / len(PARTS),
    )
    rise = np.float32(up) * head.lie.rise(one.x, one.y, one.z)
    return replace(
        one,
        plane=plane,
        x=one.x + shift[0],
        y=one.y + shift[1],
        z=one.z + shift[2],
        hu=head.base[index],  # a lesion adds what is denser than blood, here bone that stays in the scan
        depth=one.depth - rise,
        tent=one.tent - np.float32(0.8) * shift[2],
    )


def _enlarged(field: Field, shape: tuple[int, ...]) -> Field:
    return np.asarray(cv2.resize(field, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
