"""Regions of a drawn slice are known by construction; so is where each cell of a map looks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ihd_core.brain_mask import BrainMask
from ihd_core.heatmaps.explain import Heatmap
from ihd_core.heatmaps.focus import Region, focus
from ihd_core.labels import Label

SIDE = 128
MM = 2.0


def drawn_head():
    """One slice of 128 pixels of 2 mm: brain within 60 mm of the middle, bone to 70, scalp to 80, a nose in front."""
    y, x = (np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2) * MM
    radius = np.hypot(x, y)
    inside, bone = radius < 60, (radius >= 60) & (radius < 70)
    head = (radius < 80) | ((np.abs(x) < 20) & (y < 0) & (y > -110))
    return BrainMask(
        inside[None],
        bone[None],
        head[None],
        np.zeros((1, SIDE, SIDE), np.int16),
        np.array([0]),
        np.array([0.0]),
        (MM, MM),
        (2 * SIDE, 2 * SIDE),
    )


def evidence_at(row_mm, column_mm, cells=16, shape=(256, 256)):
    """A map with all its evidence in the cell that is nearest to a place; pixels of 1 mm, cells of 16 mm."""
    values = np.zeros((cells, cells), np.float32)
    step, middle = shape[0] / cells, (shape[0] - 1) / 2
    values[round((row_mm + middle - 7.5) / step), round((column_mm + middle - 7.5) / step)] = 2
    to_slice = np.array([[step, 0, 7.5], [0, step, 7.5]])
    return Heatmap(values, Label.ANY, 0, to_slice, shape)


@pytest.mark.parametrize(
    ("place", "region", "outside"),
    [
        ((8, 8), Region.BRAIN, False),
        ((-56, 8), Region.BRAIN, False),
        ((-104, 8), Region.SOFT, True),
        ((-104, 104), Region.OUTSIDE, True),
    ],
)
def test_the_peak_lies_where_its_cell_looks(place, region, outside):
    found = focus(evidence_at(*place), drawn_head(), (1.0, 1.0))
    assert found.region is region
    assert found.is_outside is outside


def test_a_peak_on_the_bone_beside_the_brain_is_as_fine_as_the_map_can_say():
    """64 mm from the middle: in the bone, 4 mm from the brain, of cells 16 mm long."""
    at_rim = Heatmap(
        np.pad(np.ones((1, 1), np.float32), ((0, 1), (0, 1))),
        Label.ANY,
        0,
        np.array([[16.0, 0, 127.5 - 64], [0, 16.0, 127.5]]),
        (256, 256),
    )
    found = focus(at_rim, drawn_head(), (1.0, 1.0))
    assert found.region is Region.BONE
    assert found.distance_mm == pytest.approx(4, abs=MM)
    assert found.cell_mm == 16
    assert not found.is_outside


def test_distances_are_in_the_plane_of_the_slice():
    found = focus(evidence_at(-104, 8), drawn_head(), (1.0, 1.0))
    assert found.distance_mm == pytest.approx(math.hypot(104, 8) - 60, abs=2 * MM)


def test_evidence_everywhere_is_shared_by_area():
    brain = drawn_head()
    found = focus(
        Heatmap(np.ones((2, 2), np.float32), Label.ANY, 0, np.array([[128.0, 0, 63.5], [0, 128, 63.5]]), (256, 256)),
        brain,
        (1.0, 1.0),
    )
    assert found.shares[Region.BRAIN] == pytest.approx(math.pi * 60**2 / 256**2, rel=0.01)
    assert found.shares[Region.BONE] == pytest.approx(math.pi * (70**2 - 60**2) / 256**2, rel=0.02)
    assert sum(found.shares.values()) == pytest.approx(1)


def test_no_evidence_looks_nowhere():
    empty = Heatmap(np.zeros((4, 4), np.float32), Label.ANY, 0, np.eye(3)[:2], (256, 256))
    found = focus(empty, drawn_head(), (1.0, 1.0))
    assert (found.shares, found.region, found.is_outside) == ({}, None, False)


def test_where_the_slice_shows_no_inside_of_the_skull_the_peak_is_outside():
    brain = drawn_head()
    below = BrainMask(
        np.zeros_like(brain.inside),
        brain.bone,
        brain.head,
        brain.hu,
        brain.slice_indices,
        brain.heights_mm,
        (MM, MM),
        brain.shape,
    )
    found = focus(evidence_at(8, 8), below, (1.0, 1.0))
    assert found.region is Region.SOFT
    assert found.is_outside
