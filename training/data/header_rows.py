"""Headers as lines of text, so that a scan of hundreds of thousands of files can be kept and taken up again."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ihd_core.dicom.datasets import PixelPlace
from ihd_core.dicom.headers import Header, PixelFormat
from ihd_core.dicom.sources.source_files import SourceFile, Stamp
from ihd_core.scan import ScanDetails
from ihd_core.windowing import Window

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = tuple(one.name for one in fields(Header) if one.name not in {"file", "volume"})
_TUPLES = tuple(_NAMES.index(name) for name in ("image_type", "acquisition", "position", "orientation", "pixel_mm"))
_PIXELS, _PLACE, _STAMP, _DETAILS = (_NAMES.index(name) for name in ("pixels", "place", "stamp", "details"))


def to_line(header: Header, file: str) -> str:
    """A header of one slice of a DICOM file as one line of JSON.

    Args:
        header: without a volume.
        file: its path below the folder of images.
    """
    return json.dumps([file, *(getattr(header, name) for name in _NAMES)], default=_values, separators=(",", ":"))


class HeaderLines:
    """Reads lines back; equal details of slices become one object, as they are in a series that was just read."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._details: dict[str, ScanDetails] = {}

    def header(self, line: str) -> Header:
        """The header that to_line() was given."""
        file, *values = json.loads(line)
        for index in _TUPLES:
            if values[index] is not None:
                values[index] = tuple(values[index])
        values[_PIXELS] = PixelFormat(*values[_PIXELS])
        values[_PLACE] = None if values[_PLACE] is None else PixelPlace(*values[_PLACE])
        values[_STAMP] = Stamp(*values[_STAMP])
        values[_DETAILS] = self._shared(values[_DETAILS])
        return Header(SourceFile(self._root / file), *values)

    def _shared(self, values: list[Any]) -> ScanDetails:
        key = repr(values)
        found = self._details.get(key)
        if found is None:
            window = None if values[-1] is None else Window(*values[-1])
            found = self._details[key] = ScanDetails(*[*values[:-1], window])
        return found


def _values(part: Any) -> list[Any]:
    return [getattr(part, one.name) for one in fields(part)]
