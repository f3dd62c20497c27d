"""How pixels may be encoded in a file, DICOM PS3.5 section 10 and PS3.6 table A-1."""

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"

NATIVE = frozenset({IMPLICIT, EXPLICIT, BIG_ENDIAN})
"""Pixels lie in the file as they are."""


def _jpegs(*lasts: str) -> frozenset[str]:
    return frozenset(f"1.2.840.10008.1.2.4.{last}" for last in lasts)


JPEG = _jpegs("50", "51", "53", "55", "57", "70")
"""Baseline, extended, spectral selection and full progression (both retired), and lossless twice."""

JPEG_LS = _jpegs("80", "81")

JPEG_2000 = _jpegs("90", "91", "201", "202", "203")
"""Part 1, and high throughput."""

_LOSSY = _jpegs("50", "51", "52", "53", "54", "55", "56", "81", "91", "93", "112", "203", "205")


def is_lossy(uid: str) -> bool:
    """Whether pixels in this transfer syntax are not what the scanner made, or need not be."""
    return uid in _LOSSY


def name_of(uid: str) -> str:
    """The name of a transfer syntax with its UID, as a message gives it; of one that DICOM does not know, the UID."""
    from pydicom.uid import UID

    known = UID(uid)
    return f"{known.name} ({uid})" if known.is_transfer_syntax and not known.is_private else uid or "without UID"
