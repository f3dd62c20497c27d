"""What the name of a convolution kernel says: soft, medium, bone or lung, and the part of the body it is made for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class KernelKind(StrEnum):
    """How sharp a reconstruction is, in the words of a radiologist."""

    SOFT = "soft"
    MEDIUM = "medium"
    BONE = "bone"
    LUNG = "lung"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Kernel:
    """What is known of a kernel.

    Attributes:
        region: "head", "body", or empty where a kernel is used for both or the name does not tell.
        vascular: made for angiography.
    """

    kind: KernelKind = KernelKind.UNKNOWN
    region: str = ""
    vascular: bool = False


SOFTEST_MEDIUM, SOFTEST_BONE = 46, 55
"""Siemens numbers kernels by sharpness, 10 to 99: H30 and Hr40 are soft, H50 lies between, H60 and J70 are bone."""

_SOFT, _MEDIUM, _BONE, _LUNG = KernelKind.SOFT, KernelKind.MEDIUM, KernelKind.BONE, KernelKind.LUNG

# H30s, Hr40f, J30s, AH50; C is for heads of children, I and J are B and H with iterative reconstruction.
_SIEMENS = re.compile(r"(?P<family>A?[HBCJIDQUS])(?P<group>[ACFLPRV]?)(?P<sharpness>[1-9]\d)[A-Z]?\b")
_SIEMENS_REGION = {"H": "head", "AH": "head", "J": "head", "C": "head", "B": "body", "AB": "body", "I": "body"}

SIEMENS, GE = "SIEMENS", "GE |GENERAL ELECTRIC"
PHILIPS, CANON = "PHILIPS|MARCONI|PICKER", "TOSHIBA|CANON"

_Row = tuple[str, str, KernelKind, str]
_NAMES: tuple[_Row, ...] = (
    # scanner, name, kind, region; the first row that fits counts
    (GE, r"((HD|NP) ?)?(STANDARD|STD|STND|SOFT)\b", _SOFT, ""),
    (GE, r"(HD ?)?CHST\b", _SOFT, "body"),
    (GE, r"(HD ?)?DETAIL", _MEDIUM, ""),
    (GE, r"(HD ?)?LUNG", _LUNG, "body"),
    (GE, r"(HD ?)?(BONE|EDGE|ULTRA)", _BONE, ""),
    (PHILIPS, r"U[ABC]$|BRAIN", _SOFT, "head"),
    (PHILIPS, r"[ABC]$|S[AB]$|SMOOTH$|STANDARD$", _SOFT, ""),
    (PHILIPS, r"Y-?DETAIL$|DETAIL$", _MEDIUM, ""),
    (PHILIPS, r"L$|LUNG", _LUNG, "body"),
    (PHILIPS, r"[DE]$|Y[B-E]$|Y-?SHARP|SHARP$|BONE", _BONE, ""),
    (CANON, r"FC[01]\d", _SOFT, "body"),
    (CANON, r"FC[26]\d", _SOFT, "head"),
    (CANON, r"FC3\d", _BONE, "head"),
    (CANON, r"FC5\d", _LUNG, "body"),
    (CANON, r"FC8\d", _BONE, ""),
    # Names that say what they are, whoever made the scanner: United Imaging's H_SOFT_B, IMR's "Brain Routine".
    ("", r".*(INNER ?EAR|BONE|KNOCHEN)", _BONE, ""),
    ("", r".*LUNG", _LUNG, "body"),
    ("", r".*(BRAIN|CEREBR)", _SOFT, "head"),
    ("", r"H[_-]V?(SOFT|SMOOTH|STANDARD|STD)", _SOFT, "head"),
    ("", r"B[_-]V?(SOFT|SMOOTH|STANDARD|STD)", _SOFT, "body"),
    ("", r"H[_-]V?SHARP", _BONE, "head"),
    ("", r"B[_-]V?SHARP", _BONE, "body"),
    ("", r".*SHARP", _BONE, ""),
    ("", r".*DETAIL", _MEDIUM, ""),
    ("", r".*(SOFT|SMOOTH|STANDARD|\bSTD\b)", _SOFT, ""),
)
_MAKERS = (SIEMENS, *dict.fromkeys(maker for maker, *_ in _NAMES if maker))

_IN_TEXT = re.compile(r"(?<![A-Z0-9])(FC\d\d|[HBJI][1-9]\d[SFHD]|[HBQ][RVCF][1-9]\d[SFHDU]?)(?![A-Z0-9])")
"""Names that mean nothing else where they stand among other words, as in KOPF_NATIV_5.0_H31s."""


@lru_cache(maxsize=1024)
def kernel(name: str, scanner: str = "") -> Kernel:
    """What is known of a kernel; unknown rather than guessed.

    Args:
        name: ConvolutionKernel (0018,1210), several values joined by a space as in "Hr36f 3".
        scanner: Manufacturer, perhaps with the model; where it names none of the makers, all of their names count.
    """
    name = " ".join(re.sub(r"[\\,;\[\]']", " ", name.upper()).split())
    scanner = f"{scanner.upper()} "
    known = [maker for maker in _MAKERS if re.search(rf"\b({maker})", scanner)]
    if not known or SIEMENS in known:
        siemens = _SIEMENS.match(name)
        if siemens:
            return _of_siemens(siemens)
    for maker, pattern, kind, region in _NAMES:
        if (not maker or not known or maker in known) and re.match(pattern, name):
            return Kernel(kind, region)
    return Kernel()


def kernel_in_text(text: str) -> str:
    """The name of a kernel within a description; empty if there is none."""
    found = _IN_TEXT.search(text.upper())
    return found.group() if found else ""


def _of_siemens(name: re.Match[str]) -> Kernel:
    family, group, sharpness = name["family"], name["group"], int(name["sharpness"])
    vascular = group == "V"
    region = _SIEMENS_REGION.get(family, "")
    if sharpness < SOFTEST_MEDIUM:
        return Kernel(_SOFT, region, vascular)
    if sharpness < SOFTEST_BONE:
        return Kernel(_MEDIUM, region, vascular)
    return Kernel(_LUNG if group == "L" else _BONE, region, vascular)
