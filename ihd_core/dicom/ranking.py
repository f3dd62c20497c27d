"""Which series of a study to show first, and why, in one line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ihd_core.dicom.geometry import Stack

ENOUGH_SLICES = 10
ROUTINE_MM = (2.5, 5.0)
"""Slice thickness or distance of a routine head CT, inclusive; read_as thicker or thinner outside of it."""

_BONE_KERNEL = re.compile(
    r"""^( (BONE|EDGE|LUNG|ULTRA|HD\s?BONE|BONEPLUS)          # GE
         | [BHJCTQU][A-Z]?(5[5-9]|[6-9]\d)                     # Siemens H60s, B70f, Hr68, J70h
         | (D|E|YC|YD|YE|L|SHARP|DETAIL)$                      # Philips
         | FC(3\d|5\d|8\d) )                                   # Canon, Toshiba""",
    re.VERBOSE | re.IGNORECASE,
)
_SOFT_KERNEL = re.compile(
    r"""^( (STANDARD|STD|SOFT|BRAIN)                           # GE
         | [BHJCTQU][A-Z]?([1-4]\d)                            # Siemens H30s, Hr40, Qr36
         | (A|B|C|UA|UB|UC|SA|SB|SMOOTH)$                      # Philips
         | FC(0\d|1\d|2\d|6\d) )                               # Canon, Toshiba""",
    re.VERBOSE | re.IGNORECASE,
)
_BONE_WORDS = re.compile(r"\b(bone|bones|knochen|os|osseux|osso|osea|hueso|bot)\b", re.IGNORECASE)
_CONTRAST_WORDS = re.compile(r"\b(angio\w*|cta|contrast\w*|c\+|kontrast\w*|kM)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One row of the ranking table.

    Attributes:
        points: what a series gains when it holds; each row outweighs all below it together.
        holds: whether it holds for a stack.
        yes: what to say of a series for which it holds.
        no: what to say of one for which it does not.
    """

    points: int
    holds: Callable[[Stack], bool]
    yes: Callable[[Stack], str]
    no: Callable[[Stack], str]


def kernel_kind(kernel: str, description: str = "") -> str:
    """Either "soft", "bone" or "unknown", from the name of the kernel first, the description second."""
    if _BONE_KERNEL.match(kernel):
        return "bone"
    if _SOFT_KERNEL.match(kernel):
        return "soft"
    return "bone" if _BONE_WORDS.search(description) else "unknown"


def thickness_mm(stack: Stack) -> float:
    """Nominal thickness, or the distance between slices where the files do not tell."""
    return stack.headers[0].details.thickness_mm or stack.spacing_mm[0]


def _kernel(stack: Stack) -> str:
    details = stack.headers[0].details
    return kernel_kind(details.kernel, details.series_description)


def _kernel_text(stack: Stack) -> str:
    name = stack.headers[0].details.kernel
    return f"{_kernel(stack)} kernel{f' {name}' if name else ''}"


def _has_contrast(stack: Stack) -> bool:
    details = stack.headers[0].details
    return bool(details.contrast_agent or _CONTRAST_WORDS.search(details.series_description))


def _is_reformatted(stack: Stack) -> bool:
    return not {"MPR", "REFORMATTED", "MIP", "MINIP", "VRT"}.isdisjoint(stack.headers[0].image_type)


def _slices(stack: Stack) -> str:
    return f"{len(stack.headers)} slice{'' if len(stack.headers) == 1 else 's'}"


RANKING: tuple[Criterion, ...] = (
    Criterion(64, lambda s: s.plane == "axial", lambda s: "axial", lambda s: s.plane),
    Criterion(
        32, lambda s: len(s.headers) >= ENOUGH_SLICES, _slices, lambda s: f"{_slices(s)}, fewer than {ENOUGH_SLICES}"
    ),
    Criterion(16, lambda s: _kernel(s) != "bone", _kernel_text, _kernel_text),
    Criterion(8, lambda s: not _has_contrast(s), lambda s: "", lambda s: "with contrast agent"),
    Criterion(4, lambda s: not _is_reformatted(s), lambda s: "", lambda s: "reformatted"),
    Criterion(
        2,
        lambda s: ROUTINE_MM[0] <= thickness_mm(s) <= ROUTINE_MM[1],
        lambda s: f"{thickness_mm(s):.1f} mm",
        lambda s: f"{thickness_mm(s):.1f} mm, outside {ROUTINE_MM[0]:.1f} to {ROUTINE_MM[1]:.1f}",
    ),
    Criterion(1, lambda s: _kernel(s) == "soft", lambda s: "", lambda s: ""),
)


def score(stack: Stack) -> int:
    """Points of a series; the highest is shown first."""
    return sum(row.points for row in RANKING if row.holds(stack))


def reason(stack: Stack) -> str:
    """One line that says why the series stands where it stands."""
    said = [row.yes(stack) if row.holds(stack) else row.no(stack) for row in RANKING]
    return ", ".join(text for text in said if text)
