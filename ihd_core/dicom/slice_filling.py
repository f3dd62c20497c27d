"""Fill a volume slice by slice, each exactly once, whoever asks for it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.pixel_data.opened_files import OpenedFiles
from ihd_core.dicom.pixel_data.pixels import read_hu
from ihd_core.dicom.value_checks import lacks_rescale, shared_uids
from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from ihd_core.dicom.geometry import Stack
    from ihd_core.dicom.headers import Header

THREADS = min(4, os.cpu_count() or 1)
"""That decode; the decoders let go of Python's lock."""


class SliceFiller:
    """Reads the slices of a stack into an array. Safe to be used from several threads.

    Attributes:
        hu: int16 (slices, rows, columns); what fill() has not read yet has no meaning.
        headers: of the slices, each of the file that was really read.
        is_read: bool (slices,), which are there.
        failures: slice_index to why a slice cannot be read.
        replaced: slice_index to why the file of a slice cannot be read, in whose place a copy of it was.
        opened: what is kept of files, and what was found in their values.
        shared_uids: SOPInstanceUIDs that tell no slice.
    """

    def __init__(self, stack: Stack, hu: NDArray[np.int16], *, repair: bool) -> None:
        self.hu = hu
        self.headers = list(stack.headers)
        self.is_read = np.zeros(len(hu), bool)
        self.failures: dict[int, DicomError] = {}
        self.replaced: dict[int, DicomError] = {}
        self.opened = OpenedFiles()
        self.shared_uids = shared_uids(self.headers)
        self._stack = stack
        self._repair = repair
        self._some_rescale = not all(map(lacks_rescale, self.headers))
        self._claims: dict[int, Event] = {}
        self._lock = Lock()

    def each(self, wanted: Sequence[int]) -> Generator[int]:
        """Fill slices; the indices come back in the order in which they are wanted.

        What has to be decoded takes long, and goes to several threads once there is a first slice to see. What lies in
        the file as it is has been read before a thread takes it over. Once this is closed no thread is at work.
        """
        if all(header.place is not None for header in self.headers):
            yield from map(self.fill, wanted)
            return
        waiting = iter(wanted)
        for index in waiting:
            yield self.fill(index)
            if self.is_read[index]:
                break
        pool = ThreadPoolExecutor(THREADS)
        try:
            yield from pool.map(self.fill, waiting)
        finally:
            pool.shutdown(cancel_futures=True)

    def fill(self, index: int) -> int:
        """Read one slice unless it has been tried; one that another thread is reading is waited for.

        Values are turned into HU where they lie, so to do it twice would give other HU.

        Returns:
            index; is_read and failures tell how it went.
        """
        while True:
            with self._lock:
                claim = self._claims.get(index)
                if claim is None:
                    own = self._claims[index] = Event()
                    break
            claim.wait()
            if self.is_read[index] or index in self.failures:
                return index
        try:
            self._fill(index)
        except DicomError as error:
            self.failures[index] = error
        except BaseException:  # as when memory runs out: whoever comes next tries again
            with self._lock:
                del self._claims[index]
            raise
        finally:
            own.set()
        return index

    def _fill(self, index: int) -> None:
        """Read one slice; where its file is damaged, a copy of it.

        Raises:
            DicomError: none of them can be read; the reason is that of the slice's own file.
        """
        own = self._stack.headers[index]
        try:
            self._read(own, index)
        except DicomError as error:
            for other in self._stack.others_at(index):
                if is_copy(other, own, self.shared_uids) and self._can_be_read(other, index):
                    self.replaced[index] = error
                    self.headers[index] = other
                    break
            else:
                raise
        self.is_read[index] = True

    def _can_be_read(self, header: Header, index: int) -> bool:
        try:
            self._read(header, index)
        except DicomError:
            return False
        return True

    def _read(self, header: Header, index: int) -> None:
        if self._some_rescale and lacks_rescale(header):
            raise DicomError(f"{header.name}: no rescale slope or intercept while the other slices have them")
        try:
            read_hu(header, self.hu[index], repair=self._repair, opened=self.opened)
        except DicomError as error:
            of_file = f"{header.file.name}: "
            is_of_frame = header.frames > 1 and header.volume is None
            if is_of_frame and str(error).startswith(of_file):  # true of every frame, and this one is missing
                raise DicomError(f"{header.name}: {str(error).removeprefix(of_file)}") from error
            raise


def is_copy(other: Header, header: Header, shared: frozenset[str]) -> bool:
    """Whether two headers of one place are of one image: another phase, kernel or reconstruction is none.

    Args:
        other: of a place in a stack.
        header: of the same place in the same stack.
        shared: SOPInstanceUIDs that tell no slice.
    """
    if header.sop_uid == other.sop_uid and header.sop_uid not in shared:
        return True
    is_numbered = header.instance_number != 0 and header.acquisition != (0, "")
    return is_numbered and _image(other) == _image(header)


def _image(header: Header) -> tuple[object, ...]:
    """What one image keeps when it is stored again under another UID."""
    details = header.details
    made = (details.kernel, details.contrast_agent, details.thickness_mm, header.image_type)
    return header.acquisition, header.instance_number, details.study_uid, details.series_number, made
