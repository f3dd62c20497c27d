"""What a reader must know about the values of a scan and the files that they are from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ihd_core.dicom.pixel_data.pixels import assumed_format, needs_repair
from ihd_core.dicom.transfer_syntaxes import name_of
from ihd_core.scan import ScanWarning

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ihd_core.dicom.headers import Header

EMPTY_HU = -1000
"""Air; a scan of which nothing has more shows no patient."""


def shared_uids(headers: Iterable[Header]) -> frozenset[str]:
    """SOPInstanceUIDs that do not tell one slice, and the empty one."""
    counted = Counter(header.sop_uid for header in headers)
    return frozenset({"", *(uid for uid, count in counted.items() if count > 1)})


def lacks_rescale(header: Header) -> bool:
    """Whether a slice does not say how its stored values become HU; an absent slope is 1 where needs_repair()."""
    return header.intercept is None or (header.slope is None and not needs_repair(header))


def value_warnings(headers: Sequence[Header], *, repair: bool, cut_slices: int = 0) -> list[ScanWarning]:
    """What the headers of a scan say about its values.

    Args:
        headers: of the slices that were read.
        repair: whether values that needs_repair() tells of have been repaired.
        cut_slices: slices with values that need more bits than BitsStored.
    """
    return [
        *_repair_warnings(headers, repair=repair),
        *_lossy_warnings(headers),
        *_rescale_warnings(headers),
        *_format_warnings(headers),
        *_cut_warnings(cut_slices),
        *_uid_warnings(headers),
    ]


def unreadable_warnings(failures: Sequence[tuple[str, int | None]]) -> list[ScanWarning]:
    """Of slices that could not be read.

    Args:
        failures: why, with the name of the file; and the index of the slice below the hole, None where its place is
            unknown, -1 where there is none below.
    """
    warnings = []
    for reason, below in failures:
        where = "" if below is None else f" after slice {below + 1}" if below >= 0 else " below the first"
        text = f"A slice{where} could not be read and is left out: {reason}"
        warnings.append(ScanWarning("unreadable-slice", text, {} if below is None else {"after_index": below}))
    return warnings


def copy_warnings(copies: Iterable[tuple[int, Header, str]]) -> list[ScanWarning]:
    """Of slices that are shown from a copy of their file.

    Args:
        copies: slice_index, the header of the copy, and why the file cannot be read, with its name.
    """
    return [
        ScanWarning(
            "copy-shown",
            f"Slice {index + 1} is shown from its copy {copy.name}, for its own file cannot be read: {reason}",
            {"slice_index": index},
        )
        for index, copy, reason in copies
    ]


def tissue_warnings(hu: NDArray[np.int16]) -> list[ScanWarning]:
    """Whether there is anything but air in a scan.

    Args:
        hu: int16 (slices, rows, columns); looked at until something is found, from the middle up.
    """
    middle = len(hu) // 2
    if any(one.max() > EMPTY_HU for half in (hu[middle:], hu[:middle]) for one in half):
        return []
    text = f"No value above {EMPTY_HU} HU in any slice: the files hold no picture, or a wrong intercept"
    return [ScanWarning("no-tissue", text, {"slices": len(hu)})]


def _repair_warnings(headers: Sequence[Header], *, repair: bool) -> list[ScanWarning]:
    wrapped = [header for header in headers if needs_repair(header)]
    if not wrapped:
        return []
    intercept = wrapped[0].intercept or 0.0
    which = f"{len(wrapped)} of {len(headers)} slices" if len(wrapped) < len(headers) else "All slices"
    values = {"slices": len(wrapped), "intercept": intercept}
    if repair:
        text = f"RSNA repair: {which} wrap around at 12 bits; HU = ((stored + 1000) mod 4096) - 1000 is shown"
        return [ScanWarning("rsna-repair", f"{text} instead of stored {intercept:+g}", values)]
    text = f"RSNA repair is off: {which} look as if their values wrap around at 12 bits (intercept {intercept:g})"
    return [ScanWarning("rsna-repair-off", text, values)]


def _lossy_warnings(headers: Sequence[Header]) -> list[ScanWarning]:
    lossy = [header for header in headers if header.details.lossy]
    if not lossy:
        return []
    text = f"Compressed with loss: HU and fine detail are approximate ({name_of(lossy[0].transfer_syntax)})"
    return [ScanWarning("lossy-compression", text, {"slices": len(lossy)})]


def _rescale_warnings(headers: Sequence[Header]) -> list[ScanWarning]:
    """Of a series of which no slice says it; where others do, such a slice is not read."""
    if not all(map(lacks_rescale, headers)):
        return []
    if any(header.slope is not None or header.intercept is not None for header in headers):
        text = "Rescale slope or intercept is absent from the files: 1 is taken for the slope, 0 for the intercept"
    else:
        text = "No rescale slope or intercept in the files: the stored values are taken as HU"
    return [ScanWarning("no-rescale", text, {"slices": len(headers)})]


def _format_warnings(headers: Sequence[Header]) -> list[ScanWarning]:
    counted = Counter(assumption for header in headers for assumption in assumed_format(header))
    return [ScanWarning("pixel-format", text, {"slices": count}) for text, count in counted.items()]


def _cut_warnings(count: int) -> list[ScanWarning]:
    if not count:
        return []
    which = "1 slice has" if count == 1 else f"{count} slices have"
    text = f"{which} values that need more bits than BitsStored: their upper bits are left out, and metal may be black"
    return [ScanWarning("pixel-format", text, {"slices": count})]


def _uid_warnings(headers: Sequence[Header]) -> list[ScanWarning]:
    shared = shared_uids(headers)
    nameless = sum(header.sop_uid in shared for header in headers)
    if not nameless:
        return []
    text = f"{nameless} slices have no UID of their own in the files; they got one from their place"
    return [ScanWarning("slice-uids", text, {"slices": nameless})]
