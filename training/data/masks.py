"""Lesion masks and boxes, laid into the network's cells as its pictures are."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.errors import FileError
from ihd_core.files import file_errors, sha256
from ihd_core.labels import LABELS, SUBTYPES, Label
from training.data.slice_table import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from ihd_core.model_input import Placement

CELL = 16
"""Side of a cell in pixels of the network's picture."""

BOX_COLUMNS = ("id", "label", "top", "left", "bottom", "right")


@dataclass(frozen=True, slots=True)
class Box:
    """A box around a lesion.

    Attributes:
        subtype: index into SUBTYPES.
        top, left, bottom, right: edges in stored pixels, the first pixel from 0 to 1.
    """

    subtype: int
    top: float
    left: float
    bottom: float
    right: float


@dataclass(frozen=True, slots=True)
class Lesions:
    """What is known of places.

    Attributes:
        masks: folder of ID.png, 8 bit, bit i where SUBTYPES[i] is, as many rows and columns as the slice; or None.
        boxes: by id of the slice.
    """

    masks: Path | None
    boxes: Mapping[str, tuple[Box, ...]]

    def bits(self, name: str, shape: tuple[int, int]) -> NDArray[np.uint8] | None:
        """Mask and boxes of a slice together.

        Args:
            name: id of the slice.
            shape: (rows, columns) of the slice as it is stored.

        Returns:
            uint8 (rows, columns), bit i where SUBTYPES[i] is; None where the slice has neither.

        Raises:
            FileError: the mask is not one of this slice, or a box lies outside.
        """
        file = self.masks / f"{name}.png" if self.masks else None
        bits = read_mask(file, shape) if file and file.exists() else None
        for box in self.boxes.get(name, ()):
            bits = np.zeros(shape, np.uint8) if bits is None else bits
            if box.bottom > shape[0] or box.right > shape[1]:
                ends = f"({box.bottom:g}, {box.right:g})"
                raise FileError(f"{name}: a box ends at {ends}, the slice has {shape[0]} × {shape[1]} pixels")
            inside = slice(round(box.top), max(round(box.bottom), round(box.top) + 1))
            bits[inside, round(box.left) : max(round(box.right), round(box.left) + 1)] |= np.uint8(1 << box.subtype)
        return bits


def lesions_sha256(masks: Path | None, boxes: Path | None) -> str | None:
    """Stands for masks, by their names and sizes, and for the contents of a table of boxes; None without both.

    Raises:
        FileError: they cannot be read.
    """
    if masks is None and boxes is None:
        return None
    parts: list[object] = []
    if masks is not None:
        with file_errors(masks, "cannot be listed"):
            parts += sorted((path.relative_to(masks).as_posix(), path.stat().st_size) for path in masks.rglob("*.png"))
    if boxes is not None:
        with file_errors(boxes, "cannot be read"):
            parts.append(sha256(boxes.read_bytes()))
    return sha256(json.dumps([masks is None, boxes is None, parts]).encode())


def read_mask(path: Path, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Read a mask, uint8 (rows, columns), bit i where SUBTYPES[i] is.

    Raises:
        FileError: it cannot be read, has other rows and columns than the slice, or bits of no subtype.
    """
    with file_errors(path, "cannot be read"):
        content = np.frombuffer(path.read_bytes(), np.uint8)
    mask = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if len(content) else None
    if mask is None or mask.dtype != np.uint8 or mask.ndim != 2:
        raise FileError(f"{path}: not an 8 bit PNG with one channel")
    if mask.shape != shape:
        size = f"{mask.shape[0]} × {mask.shape[1]} pixels"
        raise FileError(f"{path}: {size}, the slice has {shape[0]} × {shape[1]}")
    if mask.max(initial=0) >> len(SUBTYPES):
        raise FileError(f"{path}: a value of {mask.max()}, at most {(1 << len(SUBTYPES)) - 1} for five subtypes")
    return np.asarray(mask, np.uint8)


def read_boxes(path: Path) -> dict[str, tuple[Box, ...]]:
    """Read a CSV of boxes with the columns BOX_COLUMNS; edges as in Box.

    Raises:
        FileError: it cannot be read, or a row is none; the message names its line.
    """
    found: dict[str, list[Box]] = defaultdict(list)
    with file_errors(path, "cannot be read"), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        try:
            names = reader.fieldnames or ()
            rows = [(reader.line_num, row) for row in reader]
        except (csv.Error, UnicodeDecodeError) as error:
            raise FileError(f"{path}: is not a CSV in UTF-8 ({error})") from error
    if missing := [name for name in BOX_COLUMNS if name not in names]:
        raise FileError(f"{path}: no column {missing[0]}, needed are {', '.join(BOX_COLUMNS)}")
    for number, row in rows:
        try:
            found[row["id"]].append(_box(row))
        except (ValueError, TypeError) as error:
            raise FileError(f"{path}: line {number} is no box ({error})") from error
    return {name: tuple(boxes) for name, boxes in found.items()}


def _box(row: Mapping[str, str]) -> Box:
    if row["label"] not in SUBTYPES:
        raise ValueError(f"label {row['label']}, must be one of {', '.join(SUBTYPES)}")
    top, left, bottom, right = (float(row[name]) for name in BOX_COLUMNS[2:])
    if not (0 <= top < bottom < np.inf and 0 <= left < right < np.inf):
        raise ValueError(
            f"edges {top:g}, {left:g}, {bottom:g}, {right:g} must be top < bottom, left < right, from 0 on"
        )
    return Box(SUBTYPES.index(Label(row["label"])), top, left, bottom, right)


def cell_shares(bits: NDArray[np.uint8], place: Placement) -> NDArray[np.uint8]:
    """Share of every cell that a subtype fills, laid as the slice is: turned, made square, resized.

    Args:
        bits: (rows, columns) of the stored slice, bit i where SUBTYPES[i] is.
        place: of the slice's scan, from placement(); its side is a multiple of CELL.

    Returns:
        uint8 (subtypes, side / CELL, side / CELL), 255 for all of a cell, 1 at least where there is any.
    """
    count = place.side // CELL
    shares = np.zeros((len(SUBTYPES), count, count), np.uint8)
    turned = place.turn.apply(bits)
    for index, share in enumerate(shares):
        if not (turned >> index & 1).any():
            continue
        plane = np.ascontiguousarray(turned >> index & 1, np.float32)
        if plane.shape != place.square:
            plane = np.asarray(cv2.resize(plane, place.square[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
        padded = np.zeros((max(place.square),) * 2, np.float32)
        (top, left), (rows, columns) = place.padding, plane.shape
        padded[top : top + rows, left : left + columns] = plane
        how = cv2.INTER_AREA if len(padded) > count else cv2.INTER_LINEAR
        cells = np.asarray(cv2.resize(padded, (count, count), interpolation=how), np.float32)
        share[:] = np.where(cells > 0, np.clip(np.rint(cells * 255), 1, 255), 0)
    return shares


def is_known(bits: NDArray[np.uint8] | None, truth: NDArray[np.int8]) -> bool:
    """Whether it is known of every cell and subtype if there is hemorrhage.

    Args:
        bits: from Lesions.bits(); None without mask and box.
        truth: (labels,) of the slice, 1, 0 or UNKNOWN.
    """
    if bits is None:
        return bool(truth[LABELS.index(Label.ANY)] == 0)
    marked = (np.bitwise_or.reduce(bits, axis=None) >> np.arange(len(SUBTYPES)) & 1).astype(bool)
    if truth[LABELS.index(Label.ANY)] == 1 and not marked.any():
        return False
    return not bool(((truth[: len(SUBTYPES)] != 0) & (truth[: len(SUBTYPES)] != UNKNOWN) & ~marked).any())
