"""One slice of a phantom: its anatomy at some heights, findings, hemorrhages, the scanner, and what can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.labels import SUBTYPES, Label
from ihd_core.phantom.furniture import furniture
from ihd_core.phantom.head import Head, Push, tissue
from ihd_core.phantom.lesion_record import PLACE_SHARE, LesionRecord, lesion_record
from ihd_core.phantom.protocol import Protocol, subplanes
from ihd_core.phantom.scanner import Scanner, expose, shown_change, take

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ihd_core.phantom.findings.finding import Finding
    from ihd_core.phantom.hemorrhages.bleed import Bleed, Hemorrhage
    from ihd_core.phantom.shapes import Field

SHARP_SIDE = 256
"""Anatomy is drawn with at most this many rows and columns, and enlarged for finer scans."""
_TOUCHED_SHARE = 0.1
"""What changes where a subtype fills less of a pixel is swelling, not blood."""
_LEAST_MM2 = 2.0
"""Blood that fills less than this of a slice is none."""
_EDEMA = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Patient:
    """What is scanned and how: a head with its findings and hemorrhages in a scanner."""

    head: Head
    scanner: Scanner
    findings: tuple[Finding, ...]
    lesions: tuple[Hemorrhage, ...]
    pushes: tuple[Push, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """One finished slice.

    Attributes:
        hu: int16 (rows, columns).
        masks: by subtype, uint8 (rows, columns).
        lesions: of the subtypes that have blood here; slice_index and volume_ml are not filled in.
        volume_ml: by subtype, of the blood in this slice.
    """

    hu: NDArray[np.int16]
    masks: Mapping[Label, NDArray[np.uint8]]
    lesions: tuple[LesionRecord, ...]
    volume_ml: Mapping[Label, float]


@dataclass(slots=True, eq=False)
class _Layers:
    """Sums over the planes of a slice.

    Attributes:
        free: HU without blood; bled: with all of it; lacking: by subtype, with all but its own.
        shares: by subtype, share of every pixel that is its blood.
    """

    free: Field
    bled: Field
    lacking: dict[Label, Field]
    shares: dict[Label, Field]


def make_slice(patient: Patient, protocol: Protocol, index: int, size: int, rng: np.random.Generator) -> Slice:
    """Make one slice of a scan.

    Args:
        patient: what is scanned.
        protocol: where the slices lie.
        index: of the slice.
        size: rows and columns.
        rng: for what differs from slice to slice.
    """
    height, thickness = protocol.heights_mm[index], protocol.thickness_mm[index]
    side = min(size, SHARP_SIDE)
    pixel = protocol.fov_mm / side
    layers = _layers(patient, protocol, height, thickness, side)
    exposure = expose(patient.scanner, layers.free, pixel, size, rng, height_mm=height, thickness_mm=thickness)
    masks = {label: np.zeros((size, size), np.uint8) for label in SUBTYPES}
    volumes = dict.fromkeys(SUBTYPES, 0.0)
    records: list[LesionRecord] = []
    for label, share in layers.shares.items():
        area = float(share.sum()) * pixel * pixel
        if area < _LEAST_MM2:
            continue
        volumes[label] = area * protocol.spacing_mm / 1000
        change = shown_change(exposure, layers.bled - layers.lacking[label])
        change *= share >= np.float32(_TOUCHED_SHARE)
        record = lesion_record(label, index, share, change, pixel_mm=pixel, volume_ml=volumes[label])
        if record is not None:
            records.append(record)
        if side != size:
            share = np.asarray(cv2.resize(share, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
        masks[label] = (share >= np.float32(PLACE_SHARE)).astype(np.uint8)
    return Slice(take(exposure, layers.bled), masks, tuple(records), volumes)


def _layers(patient: Patient, protocol: Protocol, height: float, thickness: float, side: int) -> _Layers:
    """Anatomy at some heights within the slice, averaged."""
    count = subplanes(thickness)
    labels = [label for label in SUBTYPES if any(one.label is label for one in patient.lesions)]
    zero = np.zeros((side, side), np.float32)
    layers = _Layers(zero, zero.copy(), dict.fromkeys(labels, zero), {one: zero.copy() for one in labels})
    middle = patient.head.pose.plane(side, protocol.fov_mm, height, thickness)
    for part in range(count):
        plane = middle.moved(((part + 0.5) / count - 0.5) * thickness, thickness / count)
        one = tissue(patient.head, plane, patient.pushes)
        hu = one.hu
        for finding in patient.findings:
            hu = finding.on(one, hu)
        hu = furniture(patient.scanner, hu, protocol.fov_mm)
        bleeds = [(lesion.label, lesion.on(one)) for lesion in patient.lesions]
        bleeds = [(label, bleed) for label, bleed in bleeds if bleed.share.any()]
        layers.free = layers.free + hu
        bled = _with_blood(hu, bleeds)
        layers.bled = layers.bled + bled
        there = {label for label, _ in bleeds}
        for label in labels:
            lacking = bled
            if label in there:
                lacking = hu if len(there) == 1 else _with_blood(hu, [one for one in bleeds if one[0] is not label])
            layers.lacking[label] = layers.lacking[label] + lacking
        _add_shares(bleeds, layers.shares)
    mean = np.float32(1 / count)
    layers.free, layers.bled = layers.free * mean, layers.bled * mean
    layers.lacking = {label: hu * mean for label, hu in layers.lacking.items()}
    layers.shares = {label: share * mean for label, share in layers.shares.items()}
    return layers


def _with_blood(hu: Field, bleeds: list[tuple[Label, Bleed]]) -> Field:
    """A plane's HU with these hemorrhages; the later ones lie over the earlier."""
    for _, bleed in bleeds:
        if bleed.edema is not None:
            hu = hu + (np.minimum(hu, np.float32(bleed.edema_hu)) - hu) * bleed.edema * np.float32(_EDEMA)
        hu = hu + (bleed.hu - hu) * bleed.share
    return hu


def _add_shares(bleeds: list[tuple[Label, Bleed]], shares: dict[Label, Field]) -> None:
    left = None
    for label, bleed in reversed(bleeds):
        shares[label] += bleed.share if left is None else bleed.share * left
        left = 1 - bleed.share if left is None else left * (1 - bleed.share)
