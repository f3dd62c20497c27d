"""The elements of a file as text and numbers, however malformed; what is no number or no text counts as absent."""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

LARGEST = 1e6
"""A number beyond this, or no number at all, is a malformed value; no position, distance or slope comes near it."""


class Elements(Protocol):
    """What a file says, by DICOM keyword."""

    @property
    def transfer_syntax(self) -> str:
        """UID (0002,0010); empty where the file does not say."""
        ...

    def texts(self, keyword: str) -> tuple[str, ...]:
        """The values of an element as text, as many as there are; a malformed one as it stands in the file."""
        ...

    def numbers(self, keyword: str) -> tuple[float, ...] | None:
        """The values of an element as numbers, each within LARGEST; None where absent or malformed."""
        ...


class DatasetElements:
    """What pydicom has read of a file."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        meta = dataset.get("file_meta")
        self.transfer_syntax = "" if meta is None else _joined(_texts(meta, "TransferSyntaxUID"))

    def texts(self, keyword: str) -> tuple[str, ...]:
        """The values of an element as text; those of the file's meta information where the data set has none."""
        found = _texts(self._dataset, keyword)
        meta = self._dataset.get("file_meta")
        return found or (() if meta is None else _texts(meta, keyword))

    def numbers(self, keyword: str) -> tuple[float, ...] | None:
        """The values of an element as numbers, each within LARGEST; None where absent or malformed."""
        try:
            return within_limits(tuple(float(part) for part in _parts(self._dataset, keyword)))
        except Exception:  # a malformed value raises whatever its conversion raised
            return None


def text(elements: Elements, keyword: str) -> str:
    """The values of an element as one line."""
    return _joined(elements.texts(keyword))


def numbers(elements: Elements, keyword: str, count: int) -> tuple[float, ...] | None:
    """Exactly so many numbers; None where the file has another count, none or malformed ones."""
    found = elements.numbers(keyword)
    return found if found is not None and len(found) == count else None


def number(elements: Elements, keyword: str) -> float | None:
    """The first of an element's numbers, as windows come in pairs; None where absent or malformed."""
    found = elements.numbers(keyword)
    return found[0] if found else None


def whole(elements: Elements, keyword: str, default: int = 0) -> int:
    """A whole number of a file, or the default where the file has none or a malformed one."""
    found = number(elements, keyword)
    return default if found is None else int(found)


def within_limits(values: tuple[float, ...]) -> tuple[float, ...] | None:
    """The values, unless there are none or one is beyond LARGEST or not a number."""
    return values if values and all(abs(value) < LARGEST for value in values) else None


def _joined(parts: tuple[str, ...]) -> str:
    line = " ".join(parts)
    return line.strip() if line.isprintable() else "".join(c if c.isprintable() else " " for c in line).strip()


def _texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    try:
        return tuple(str(part) for part in _parts(dataset, keyword))
    except Exception:  # a malformed value raises whatever its conversion raised
        raw = dataset.get_item(keyword, keep_deferred=True)
        return (raw.value.decode("latin-1"),) if raw is not None and isinstance(raw.value, bytes) else ()


def _parts(dataset: Dataset, keyword: str) -> list[Any]:
    """The values of an element, however many there are; fails on a malformed one."""
    value = dataset.get(keyword)
    if value is None:
        return []
    return list(value) if isinstance(value, MutableSequence) else [value]
