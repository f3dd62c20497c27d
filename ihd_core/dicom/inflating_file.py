"""A deflated file, inflated no further than it is read."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from typing import BinaryIO

_CHUNK = 1 << 18


class InflatingFile(io.BufferedIOBase):
    """What a file would hold had it not been deflated, kept in memory as far as it has been read.

    Attributes:
        most: bytes that are given out; beyond them reading fails.
    """

    def __init__(self, deflated: BinaryIO, start: bytes, name: str, most: int) -> None:
        """Begin with what comes before the deflated data.

        Args:
            deflated: where the deflated data begin; raw deflate, without a check sum.
            start: what the file begins with.
            name: of the file, for messages.
            most: as the attribute.
        """
        self.most = most
        self._deflated = deflated
        self._name = name
        self._inflated = io.BytesIO(start)
        self._there = len(start)
        self._position = 0
        self._inflating = zlib.decompressobj(-zlib.MAX_WBITS)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Where the next read() begins, in bytes from the start of the inflated file."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move on or back without inflating anything, except from the end.

        Raises:
            DicomError: as read().
        """
        if whence == io.SEEK_END:
            self._inflate_to(None)
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._there}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, fewer only at the end.

        Raises:
            DicomError: it grows beyond most, breaks off or is damaged.
        """
        stop = None if size is None or size < 0 else self._position + size
        self._inflate_to(stop)
        self._inflated.seek(self._position)
        found = self._inflated.read(-1 if stop is None else size)
        self._position += len(found)
        return found

    def _inflate_to(self, stop: int | None) -> None:
        """Inflate until there are so many bytes, or all."""
        self._inflated.seek(0, io.SEEK_END)
        while not self._inflating.eof and (stop is None or self._there < stop):
            if self._there > self.most:
                limit = f"at most {self.most:,} are read"
                raise DicomError(f"{self._name}: inflates to more than {self.most:,} bytes ({limit})")
            packed = self._inflating.unconsumed_tail or self._deflated.read(_CHUNK)
            if not packed:
                raise DicomError(f"{self._name}: is damaged (breaks off before the end of its deflated data)")
            try:
                self._there += self._inflated.write(self._inflating.decompress(packed, _CHUNK))
            except zlib.error as error:
                raise DicomError(f"{self._name}: is damaged (cannot be inflated, {error})") from error
