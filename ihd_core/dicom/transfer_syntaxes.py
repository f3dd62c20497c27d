"""How pixels may be encoded in a file, DICOM PS3.5 section 10."""

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

NATIVE = frozenset({IMPLICIT, EXPLICIT, BIG_ENDIAN})
"""Pixels lie in the file as they are."""

_LOSSY = frozenset(
    f"1.2.840.10008.1.2.4.{last}" for last in ("50", "51", "53", "55", "81", "91", "93", "203", "204", "205", "112")
)


def is_lossy(uid: str) -> bool:
    """Whether pixels in this transfer syntax are not what the scanner made."""
    return uid in _LOSSY
