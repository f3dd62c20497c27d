"""Phantom: one synthetic head CT whose hemorrhages are known voxel by voxel."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.labels import LABELS, SUBTYPES, Label
from ihd_core.phantom.head import Head, Push, Tissue, draw_head, tissue
from ihd_core.phantom.hemorrhages.draw import draw_hemorrhage
from ihd_core.phantom.scanner import Scanner, draw_scanner, expose, furniture, take
from ihd_core.phantom.shapes import blurred
from ihd_core.scan import Scan, ScanDetails

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from ihd_core.phantom.hemorrhages.bleed import Hemorrhage
    from ihd_core.phantom.shapes import Field

SHARP_SIDE = 256
"""Anatomy is drawn with at most this many rows and columns, and enlarged for finer scans."""
VISIBLE_HU = 12.0
VISIBLE_MM2 = 60.0
APART_HU = 8.0
_PLACE_SHARE = 0.3
_ATTEMPTS = 8
_LOWEST_MM, _HIGHEST_MM = -52.0, 97.0


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """A synthetic scan and the truth about it.

    Attributes:
        scan: as if read from files.
        masks: by subtype (all five), uint8 (slices, rows, columns), 1 where the subtype fills 30 % of a voxel or more.
        truth: bool (slices, labels) in the order of LABELS: what can be seen, not what was drawn. True where the
            subtype changes at least 60 mm2 of its place in this slice by at least 12 HU and is at least 8 HU apart from
            brain, both before noise: blood that looks like brain cannot be seen, even where it stands for fluid.
    """

    scan: Scan
    masks: Mapping[Label, NDArray[np.uint8]]
    truth: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Protocol:
    """How the slices lie: heights along the body axis and thickness, mm."""

    heights_mm: tuple[float, ...]
    thickness_mm: float
    fov_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class _Patient:
    """What is scanned and how: a head with its hemorrhages in a scanner."""

    head: Head
    scanner: Scanner
    lesions: tuple[Hemorrhage, ...]
    pushes: tuple[Push, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Slice:
    """One finished slice: HU, and by subtype the mask and whether it is seen."""

    hu: NDArray[np.int16]
    masks: Mapping[Label, NDArray[np.uint8]]
    seen: Mapping[Label, bool]


def phantom_scan(
    seed: int, *, labels: Collection[Label] | None = None, size: int = 512, slices: int | None = None
) -> Phantom:
    """Make a synthetic head CT; equal arguments make equal scans.

    Args:
        seed: any non-negative integer.
        labels: exactly the subtypes to be seen in the scan (ANY is implied); empty for a scan without hemorrhage; by
            default half of the scans have none and the others draw one to three, some of them too faint to be seen.
        size: rows and columns.
        slices: how many; by default as many as the drawn spacing needs from the base to the vertex. Few slices lie
            about the ventricles.

    Returns:
        The scan with masks and truth.

    Raises:
        ValueError: size below 32, or fewer than 2 slices.
        RuntimeError: a wanted hemorrhage could not be made visible in this head.
    """
    if size < 32 or (slices is not None and slices < 2):
        raise ValueError(f"size is {size}, at least 32; slices are {slices}, at least 2")
    rng = np.random.default_rng([seed, 1])
    head, scanner = draw_head(rng), draw_scanner(rng)
    protocol = _draw_protocol(rng, head, slices)
    wanted = [label for label in SUBTYPES if label in labels] if labels is not None else _draw_labels(rng)
    sizes = dict.fromkeys(wanted, 1.0)
    for attempt in range(_ATTEMPTS):
        lesions = tuple(
            draw_hemorrhage(label, np.random.default_rng([seed, 2, label.column, attempt]), sizes[label])
            for label in wanted
        )
        patient = _Patient(head, scanner, lesions, tuple(push for lesion in lesions for push in lesion.pushes))
        made = [_slice(patient, protocol, index, size, seed) for index in range(len(protocol.heights_mm))]
        missing = [label for label in wanted if not any(one.seen[label] for one in made)]
        if labels is None or not missing:
            return _phantom(made, head, protocol, (seed, None if labels is None else tuple(wanted)))
        for label in missing:
            sizes[label] += 0.3
    names = ", ".join(missing)
    raise RuntimeError(f"phantom {seed}: {names} cannot be seen after {_ATTEMPTS} attempts, with {len(made)} slices")


def _draw_labels(rng: np.random.Generator) -> list[Label]:
    if rng.random() < 0.5:
        return []
    count = int(rng.choice([1, 2, 3], p=[0.62, 0.28, 0.10]))
    drawn = rng.choice(len(SUBTYPES), size=count, replace=False, p=[0.12, 0.26, 0.2, 0.22, 0.2])
    return [SUBTYPES[i] for i in sorted(drawn)]


def _draw_protocol(rng: np.random.Generator, head: Head, slices: int | None) -> _Protocol:
    fov = float(rng.uniform(212, 250))
    spacing = float(rng.choice([5.0, rng.uniform(4, 6), rng.uniform(2.5, 3.0)], p=[0.5, 0.4, 0.1]))
    low = (_LOWEST_MM + float(rng.uniform(-8, 12))) * head.pose.scale[2]
    high = (_HIGHEST_MM + float(rng.uniform(-6, 4))) * head.pose.scale[2]
    if slices is None:
        count = round((high - low) / spacing) + 1
    else:
        count = slices
        spacing = min((high - low) / (count - 1), 6.0) if spacing * (count - 1) > high - low else spacing
        if spacing * (count - 1) < high - low:
            low = max(low, 22 - spacing * (count - 1) / 2)
    return _Protocol(tuple(low + spacing * i for i in range(count)), spacing, fov)


def _slice(patient: _Patient, protocol: _Protocol, index: int, size: int, seed: int) -> _Slice:
    """One slice: sharp anatomy at two heights, the hemorrhages, the scanner, and what can be seen."""
    scanner, height_mm, rng = patient.scanner, protocol.heights_mm[index], np.random.default_rng([seed, 3, index])
    side = min(size, SHARP_SIDE)
    pixel = protocol.fov_mm / side
    free = np.zeros((side, side), np.float32)
    bled = np.zeros_like(free)
    shares = {lesion.label: np.zeros_like(free) for lesion in patient.lesions}
    parts = (-0.25, 0.25)
    middle = patient.head.pose.plane(side, protocol.fov_mm, height_mm, protocol.thickness_mm)
    for part in parts:
        plane = middle.moved(part * protocol.thickness_mm, protocol.thickness_mm / 2)
        one = tissue(patient.head, plane, patient.pushes)
        sharp = furniture(scanner, one.hu, plane.x, plane.y, pixel)
        free += sharp
        bled += _with_blood(one, sharp, patient.lesions, shares)
    free *= np.float32(1 / len(parts))
    bled *= np.float32(1 / len(parts))
    exposure = expose(scanner, free, pixel, size, rng)
    hu = take(exposure, bled)
    brain = (patient.head.brain.grey + patient.head.brain.white) / 2
    apart = np.abs(blurred(bled, exposure.blur) - np.float32(brain)) >= APART_HU
    visible = apart & (np.abs(blurred(bled - free, exposure.blur) * np.float32(exposure.scale)) >= VISIBLE_HU)
    masks = {label: np.zeros((size, size), np.uint8) for label in SUBTYPES}
    seen = dict.fromkeys(SUBTYPES, False)
    for label, total in shares.items():
        share = total * np.float32(1 / len(parts))
        place = share > np.float32(_PLACE_SHARE)
        seen[label] = bool(np.count_nonzero(place & visible) * pixel * pixel >= VISIBLE_MM2)
        if side != size:
            share = np.asarray(cv2.resize(share, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
        masks[label] = (share > np.float32(_PLACE_SHARE)).astype(np.uint8)
    return _Slice(hu, masks, seen)


def _with_blood(one: Tissue, hu: Field, lesions: tuple[Hemorrhage, ...], shares: dict[Label, Field]) -> Field:
    """The plane's HU with all blood; adds each subtype's share of every pixel to shares."""
    left: list[tuple[Label, Field]] = []
    for lesion in lesions:
        bleed = lesion.on(one)
        if bleed.edema is not None:
            hu = hu + (np.minimum(hu, np.float32(bleed.edema_hu)) - hu) * bleed.edema * np.float32(0.8)
        hu = hu + (bleed.hu - hu) * bleed.share
        left = [(label, share * (1 - bleed.share)) for label, share in left]
        left.append((lesion.label, bleed.share))
    for label, share in left:
        shares[label] += share
    return hu


def _phantom(made: list[_Slice], head: Head, protocol: _Protocol, recipe: tuple[int, object]) -> Phantom:
    masks = {label: np.stack([one.masks[label] for one in made]) for label in SUBTYPES}
    truth = np.zeros((len(made), len(LABELS)), bool)
    for label in SUBTYPES:
        truth[:, label.column] = [one.seen[label] for one in made]
    truth[:, Label.ANY.column] = truth[:, : len(SUBTYPES)].any(axis=1)
    return Phantom(_scan(np.stack([one.hu for one in made]), head, protocol, recipe), masks, truth)


def _scan(hu: NDArray[np.int16], head: Head, protocol: _Protocol, recipe: tuple[int, object]) -> Scan:
    """Place the slices in patient axes: origin at the sella, the table moved along the body axis."""
    sin, cos = np.sin(head.pose.tilt), np.cos(head.pose.tilt)
    row, column = np.array([1.0, 0.0, 0.0]), np.array([0.0, cos, -sin])
    normal = np.cross(row, column)
    pixel = protocol.fov_mm / hu.shape[1]
    corner = -(hu.shape[1] - 1) / 2 * pixel
    first = row * (corner - head.pose.shift_mm[0]) + column * (corner - head.pose.shift_mm[1])
    positions = first + np.outer(protocol.heights_mm, [0.0, 0.0, 1.0])
    spacing = float(protocol.heights_mm[1] - protocol.heights_mm[0]) * float(cos)
    seed = recipe[0]
    uid = uid_of("series", recipe, hu.shape)
    return Scan(
        hu=hu,
        spacing_mm=(spacing, pixel, pixel),
        orientation=np.stack([row, column, normal]),
        positions_mm=positions,
        uid=uid,
        slice_uids=tuple(uid_of("slice", recipe, hu.shape, i) for i in range(len(hu))),
        source=f"phantom {seed}",
        details=ScanDetails(
            patient_name=f"PHANTOM^{seed:04d}",
            patient_id=f"PHANTOM-{seed:04d}",
            study_uid=uid_of("study", recipe, hu.shape),
            study_description="Synthetic head",
            series_description="Synthetic head CT, not a patient",
            scanner="phantom",
            thickness_mm=protocol.thickness_mm,
        ),
    )


def uid_of(*parts: object) -> str:
    """A DICOM UID (2.25.<128 bits>) that follows from parts."""
    digest = hashlib.sha256(repr(parts).encode()).digest()[:16]
    return f"2.25.{int.from_bytes(digest, 'big')}"
