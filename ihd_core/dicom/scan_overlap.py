"""Whether groups of slices that a tag tells apart are pieces of one scan, or scans of the same part of the body."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FEW = 3
"""Fewer slices than this are a slip of the scanner or the archive, not a scan."""

EVEN = 0.1
"""Share of the usual distance by which even distances may differ."""

MOSTLY = 0.8
"""Share of distances that are even in an even scan; slices may be missing, and protocols have two distances."""

CONTIGUOUS = 1.5
"""Slices no farther apart than so many thicknesses leave no room for others, as every second one does."""

MOST_MISSING = 2
"""Slices that may be missing in a row."""

OVERLAPPING = 0.75
"""Slices closer than so many thicknesses are reconstructed to overlap, or are those of two scans."""

USUAL_THICKNESS_MM = 5.0
"""Where the file says none."""

LITTLE = 0.2
"""Scans that follow each other share at most so much of their places, so that nothing between them is left out."""

MOST_PAIRS = 20_000
"""Overlaps of groups that are looked at; a tag with more of them tells no scans apart."""


class Extent:
    """The places of a group of slices, measured as far as they are asked for.

    Attributes:
        images: how many there are, several of one place counted each.
        places: numbers of its places in increasing order, each once.
        heights: of the places, mm along the normal.
    """

    def __init__(
        self, places: NDArray[np.intp], heights: NDArray[np.float64], thickness_mm: NDArray[np.float64]
    ) -> None:
        """Take a group.

        Args:
            places: number of the place of every image, in increasing order of height.
            heights: mm, one an image.
            thickness_mm: likewise, 0 where the file says none.
        """
        self.images = len(places)
        is_new = np.concatenate([[True], places[1:] != places[:-1]])
        self.places = places[is_new]
        self.heights = heights[is_new]
        self._thickness_mm = thickness_mm

    @cached_property
    def gaps_mm(self) -> NDArray[np.float64]:
        """Distance of every place to the next."""
        gaps: NDArray[np.float64] = np.diff(self.heights)
        return gaps

    @cached_property
    def spacing_mm(self) -> float:
        """Median distance of neighbouring places; 0 for a single place."""
        return float(np.median(self.gaps_mm)) if len(self.gaps_mm) else 0.0

    @cached_property
    def is_even(self) -> bool:
        """Whether the distances are those of a scan."""
        return _is_even(self.gaps_mm)

    @cached_property
    def is_contiguous(self) -> bool:
        """Whether its slices leave no room between them."""
        known = self._thickness_mm[self._thickness_mm > 0]
        return self.spacing_mm <= CONTIGUOUS * (float(np.median(known)) if len(known) else USUAL_THICKNESS_MM)

    @property
    def is_plain(self) -> bool:
        """Whether it has no room for a second scan: evenly spaced, no place twice, no overlap of neighbours."""
        thickest = float(self._thickness_mm.max()) or USUAL_THICKNESS_MM
        return (
            self.images == len(self.places)
            and self.spacing_mm >= OVERLAPPING * thickest
            and bool((np.abs(self.gaps_mm - self.spacing_mm) <= EVEN * self.spacing_mm).all())
        )


def _is_even(gaps: NDArray[np.float64]) -> bool:
    """Whether most distances are the usual one or, where slices are missing, a multiple, or are like the next one."""
    if len(gaps) < 2:
        return len(gaps) == 1
    usual = np.median(gaps)
    multiples = np.clip(np.rint(gaps / usual), 1, 1 + MOST_MISSING)
    return bool((np.abs(gaps - multiples * usual) <= EVEN * usual).mean() >= MOSTLY) or _is_even_in_parts(gaps)


def _is_even_in_parts(gaps: NDArray[np.float64]) -> bool:
    """Whether most distances are like the next one, as in protocols with two distances."""
    like_next = np.abs(np.diff(gaps)) <= EVEN * np.minimum(gaps[1:], gaps[:-1])
    return bool(like_next.mean() >= MOSTLY)


def scans(groups: Sequence[Extent], whole: Extent, *, are_displaced: bool = False) -> list[list[int]]:
    """Join groups to scans.

    Args:
        groups: in the order in which they were taken.
        whole: of all of them.
        are_displaced: the groups lie beside each other, so that equal heights are not equal places.

    Returns:
        Indices of the groups of each scan; a single list where the groups are pieces of one scan.
    """
    everything = [list(range(len(groups)))]
    if len(groups) < 2 or (whole.is_plain and not are_displaced):
        return everything
    if max(one.images for one in groups) < FEW:
        return everything
    is_complete = whole.images == len(whole.places) and _is_even_in_parts(whole.gaps_mm)
    conflicts = _conflicts(groups, is_complete=is_complete, are_displaced=are_displaced)
    found: list[list[int]] = []
    for index in range(len(groups)):
        room = next((scan for scan in found if conflicts[index].isdisjoint(scan)), None)
        if room is None:
            found.append([index])
        else:
            room.append(index)
    return found


def _conflicts(groups: Sequence[Extent], *, is_complete: bool, are_displaced: bool) -> list[set[int]]:
    """For every group the others that are of another scan; only those that overlap are compared."""
    found: list[set[int]] = [set() for _ in groups]
    order = sorted(range(len(groups)), key=lambda i: (groups[i].heights[0], i))
    pairs = 0
    for number, index in enumerate(order):
        for other in order[number + 1 :]:
            if groups[other].heights[0] > groups[index].heights[-1]:
                break
            pairs += 1
            if pairs > MOST_PAIRS:
                return [set() for _ in groups]
            if _are_two(groups[index], groups[other], is_complete=is_complete, are_displaced=are_displaced):
                found[index].add(other)
                found[other].add(index)
    return found


def _are_two(one: Extent, other: Extent, *, is_complete: bool, are_displaced: bool) -> bool:
    """Whether two groups are of two scans; complete is what makes one even scan with all of the other groups."""
    small, large = sorted((one, other), key=lambda group: len(group.places))
    if len(small.places) < FEW:
        return not are_displaced and _is_foreign(small, large)
    shared = len(np.intersect1d(small.places, large.places, assume_unique=True))
    if 2 * shared > len(small.places):
        return True
    bottom, top = max(one.heights[0], other.heights[0]) - 0.01, min(one.heights[-1], other.heights[-1]) + 0.01
    inside = [group.heights[(group.heights >= bottom) & (group.heights <= top)] for group in (one, other)]
    if min(len(heights) for heights in inside) < FEW:
        return False
    if are_displaced:
        return True
    if not (one.is_even and other.is_even):
        return False
    # A scan whose slices leave nothing between them has no room for those of another.
    has_no_room = one.is_contiguous or other.is_contiguous
    if is_complete and not has_no_room:
        return False
    if shared:
        return shared >= FEW and shared > LITTLE * len(small.places)
    return not _is_even_in_parts(np.diff(np.union1d(*inside))) or (has_no_room and _alternate(*inside))


def _alternate(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether a slice of one group mostly lies between two of the other."""
    groups = np.concatenate([np.zeros(len(one)), np.ones(len(other))])
    in_order = groups[np.argsort(np.concatenate([one, other]), kind="stable")]
    return bool(np.mean(np.diff(in_order) != 0) >= MOSTLY)


def _is_foreign(small: Extent, large: Extent) -> bool:
    """Whether a slice or two lie between those of a scan where it has no room for any."""
    if len(large.places) <= FEW or not (large.is_even and large.is_contiguous):
        return False
    new = small.heights[~np.isin(small.places, large.places)]
    after = np.searchsorted(large.heights, new)
    within = (after > 0) & (after < len(large.heights))
    gaps = large.heights[after[within]] - large.heights[after[within] - 1]
    return bool((gaps <= 1.5 * large.spacing_mm).any())
