"""Phantom: one synthetic head CT whose hemorrhages are known voxel by voxel."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import LABELS, SUBTYPES, Label
from ihd_core.phantom.findings.draw import draw_findings
from ihd_core.phantom.head import Head, Push, draw_head
from ihd_core.phantom.hemorrhages.draw import draw_hemorrhage, draw_hemorrhages
from ihd_core.phantom.protocol import Protocol, draw_pose, draw_protocol
from ihd_core.phantom.scanner import draw_scanner
from ihd_core.phantom.slices import Patient, Slice, make_slice
from ihd_core.scan import Scan, ScanDetails

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from ihd_core.phantom.hemorrhages.bleed import Hemorrhage
    from ihd_core.phantom.lesion_record import LesionRecord

_ATTEMPTS = 8
_BLEEDING = 0.5
"""Share of the heads drawn freely that have hemorrhages."""


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """A synthetic scan and the truth about it.

    Attributes:
        scan: as if read from files.
        masks: by subtype (all five), uint8 (slices, rows, columns), 1 where the subtype fills 30 % of a voxel or more,
            visible or not.
        truth: bool (slices, labels) in the order of LABELS: what can be seen, not what was drawn. True where the slice
            with and without the blood of this subtype differs by VISIBLE_HU over VISIBLE_MM2, before noise.
        faint: bool (slices, labels): blood of this subtype is there and less of it can be seen. ANY is faint where a
            subtype is and none is true.
        lesions: a record for every slice and subtype of which there is blood.
    """

    scan: Scan
    masks: Mapping[Label, NDArray[np.uint8]]
    truth: NDArray[np.bool_]
    faint: NDArray[np.bool_]
    lesions: tuple[LesionRecord, ...]


def phantom_scan(
    seed: int,
    *,
    labels: Collection[Label] | None = None,
    size: int = 512,
    slices: int | None = None,
    thickness_mm: float | None = None,
    apart_mm: float | None = None,
) -> Phantom:
    """Make a synthetic head CT; equal arguments make equal scans.

    Args:
        seed: any non-negative integer.
        labels: exactly the subtypes to be seen in the scan (ANY is implied); empty for a scan without hemorrhage; by
            default half of the scans have none and the others hemorrhages as they occur, some too faint to be seen.
        size: rows and columns.
        slices: how many; by default as many as the drawn spacing needs from the base to the vertex. Few slices lie
            about the ventricles.
        thickness_mm: of every slice, contiguous: the same head, hemorrhages and scanner at another slice thickness;
            by default drawn.
        apart_mm: draw only slices about so far apart, of those that the scan would have; the others are left out, and
            a lesion's volume with them. Many heads cost less so.

    Returns:
        The scan with masks and truth.

    Raises:
        ValueError: size below 32, fewer than 2 slices, a thickness outside 0.3-20 mm, or slices 0 mm apart or less.
        RuntimeError: a wanted hemorrhage could not be made visible in this head.
    """
    if size < 32 or (slices is not None and slices < 2):
        raise ValueError(f"size is {size}, at least 32; slices are {slices}, at least 2")
    if thickness_mm is not None and not 0.3 <= thickness_mm <= 20:
        raise ValueError(f"thickness is {thickness_mm} mm, at least 0.3 and at most 20")
    head = draw_head(np.random.default_rng([seed, 1]))
    head = replace(head, pose=draw_pose(np.random.default_rng([seed, 4]), head.pose))
    usual = draw_protocol(np.random.default_rng([seed, 5]), head.pose.scale[2], slices)
    if labels is None:
        rng = np.random.default_rng([seed, 2])
        patient = _patient(seed, head, draw_hemorrhages(rng) if rng.random() < _BLEEDING else ())
        made = None
    else:
        wanted = [label for label in SUBTYPES if label in labels]
        patient, made = _visible(seed, head, usual, wanted, size)
    protocol = usual
    if thickness_mm is not None:
        protocol = draw_protocol(np.random.default_rng([seed, 5]), head.pose.scale[2], slices, thickness_mm)
        made = None
    if apart_mm is not None:
        protocol = _apart(protocol, apart_mm, np.random.default_rng([seed, 8]))
        made = None
    if made is None:
        made = _render(patient, protocol, size, seed)
    recipe = (seed, None if labels is None else tuple(wanted), thickness_mm, apart_mm)
    return _phantom(made, head, protocol, recipe)


def _patient(seed: int, head: Head, lesions: tuple[Hemorrhage, ...]) -> Patient:
    findings = draw_findings(np.random.default_rng([seed, 6]), head, bleeding=bool(lesions))
    pushes: list[Push] = [push for one in lesions for push in one.pushes]
    pushes += [push for one in findings for push in one.pushes]
    return Patient(head, draw_scanner(np.random.default_rng([seed, 7])), findings, lesions, tuple(pushes))


def _apart(protocol: Protocol, apart_mm: float, rng: np.random.Generator) -> Protocol:
    """Some of the slices, about apart_mm from each other, the first one drawn; at least two."""
    if not apart_mm > 0:
        raise ValueError(f"slices are {apart_mm} mm apart, must be above 0")
    count = len(protocol.heights_mm)
    step = min(max(1, round(apart_mm / protocol.spacing_mm)), count // 2)
    chosen = range(int(rng.integers(step)), count, step)
    return replace(
        protocol,
        heights_mm=tuple(protocol.heights_mm[index] for index in chosen),
        thickness_mm=tuple(protocol.thickness_mm[index] for index in chosen),
    )


def _render(patient: Patient, protocol: Protocol, size: int, seed: int) -> list[Slice]:
    return [
        make_slice(patient, protocol, index, size, np.random.default_rng([seed, 3, index]))
        for index in range(len(protocol.heights_mm))
    ]


def _visible(seed: int, head: Head, protocol: Protocol, wanted: list[Label], size: int) -> tuple[Patient, list[Slice]]:
    """The patient with one hemorrhage of every wanted label, each large enough to be seen; and the slices."""
    sizes = dict.fromkeys(wanted, 1.0)
    missing = wanted
    for attempt in range(_ATTEMPTS):
        lesions = tuple(
            draw_hemorrhage(label, np.random.default_rng([seed, 2, label.column, attempt]), sizes[label])
            for label in wanted
        )
        patient = _patient(seed, head, lesions)
        made = _render(patient, protocol, size, seed)
        seen = {one.label for slice_ in made for one in slice_.lesions if one.visible}
        missing = [label for label in wanted if label not in seen]
        if not missing:
            return patient, made
        for label in missing:
            sizes[label] += 0.3
    names = ", ".join(missing)
    count = len(protocol.heights_mm)
    raise RuntimeError(f"phantom {seed}: {names} cannot be seen after {_ATTEMPTS} attempts, with {count} slices")


def _phantom(made: list[Slice], head: Head, protocol: Protocol, recipe: tuple[int, object, object, object]) -> Phantom:
    masks = {label: np.stack([one.masks[label] for one in made]) for label in SUBTYPES}
    truth = np.zeros((len(made), len(LABELS)), bool)
    faint = np.zeros_like(truth)
    volumes = {label: sum(one.volume_ml[label] for one in made) for label in SUBTYPES}
    records: list[LesionRecord] = []
    for index, one in enumerate(made):
        for record in one.lesions:
            (truth if record.visible else faint)[index, record.label.column] = True
            records.append(replace(record, slice_index=index, volume_ml=volumes[record.label]))
    column = Label.ANY.column
    truth[:, column] = truth[:, :column].any(axis=1)
    faint[:, column] = faint[:, :column].any(axis=1) & ~truth[:, column]
    scan = _scan(np.stack([one.hu for one in made]), head, protocol, recipe)
    return Phantom(scan, masks, truth, faint, tuple(records))


def _scan(hu: NDArray[np.int16], head: Head, protocol: Protocol, recipe: tuple[int, object, object, object]) -> Scan:
    """Place the slices in patient axes: origin at the sella, the table moved along the body axis."""
    sin, cos = np.sin(head.pose.tilt), np.cos(head.pose.tilt)
    row, column = np.array([1.0, 0.0, 0.0]), np.array([0.0, cos, -sin])
    normal = np.cross(row, column)
    pixel = protocol.fov_mm / hu.shape[1]
    corner = -(hu.shape[1] - 1) / 2 * pixel
    first = row * (corner - head.pose.shift_mm[0]) + column * (corner - head.pose.shift_mm[1])
    positions = first + np.outer(protocol.heights_mm, [0.0, 0.0, 1.0])
    uid = uid_of("series", recipe, hu.shape)
    return Scan(
        hu=hu,
        spacing_mm=(protocol.spacing_mm * float(cos), pixel, pixel),
        orientation=np.stack([row, column, normal]),
        positions_mm=positions,
        uid=uid,
        slice_uids=tuple(uid_of("slice", recipe, hu.shape, i) for i in range(len(hu))),
        source=f"phantom {recipe[0]}",
        details=ScanDetails(
            patient_name=f"PHANTOM^{recipe[0]:04d}",
            patient_id=f"PHANTOM-{recipe[0]:04d}",
            study_uid=uid_of("study", recipe, hu.shape),
            study_description="Synthetic head",
            series_description="Synthetic head CT, not a patient",
            scanner="phantom",
            thickness_mm=float(np.median(protocol.thickness_mm)),
        ),
    )


def uid_of(*parts: object) -> str:
    """A DICOM UID (2.25.<128 bits>) that follows from parts."""
    digest = hashlib.sha256(repr(parts).encode()).digest()[:16]
    return f"2.25.{int.from_bytes(digest, 'big')}"
