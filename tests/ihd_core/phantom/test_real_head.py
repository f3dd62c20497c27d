"""A healthy phantom, taken for a real head, is found out as its own fields have it, on pixels of 1.35 mm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ihd_core.phantom.head import draw_head, tissue
from ihd_core.phantom.phantom import phantom_scan
from ihd_core.phantom.protocol import draw_pose, draw_protocol
from ihd_core.phantom.real_head import real_head

SEED, THICKNESS_MM = 3, 6.0


@pytest.fixture(scope="module")
def both():
    """For every slice with brain: as found from the HU alone, and as the phantom was drawn."""
    scan = phantom_scan(SEED, labels=(), size=160, thickness_mm=THICKNESS_MM).scan
    head = draw_head(np.random.default_rng([SEED, 1]))
    head = replace(head, pose=draw_pose(np.random.default_rng([SEED, 4]), head.pose))
    usual = np.random.default_rng([SEED, 5])
    protocol = draw_protocol(usual, head.pose.scale[2], None, THICKNESS_MM)
    found = real_head(scan).tissues
    planes = zip(protocol.heights_mm, protocol.thickness_mm, strict=True)
    drawn = [tissue(head, head.pose.plane(160, protocol.fov_mm, height, thick), ()) for height, thick in planes]
    return [(one, own) for one, own in zip(found, drawn, strict=True) if (own.inside > 0.9).sum() > 1500]


def of_vault(both, low=12.0):
    """The slices above the base and below the vertex, by the phantom's own height."""
    return [(one, own) for one, own in both if low < float(own.z[own.inside > 0.9].mean()) < 66]


def overlap(one, other):
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


def test_the_inside_and_the_depth_of_the_vault_are_the_phantoms(both):
    for one, own in of_vault(both):
        steep = float(own.z[own.inside > 0.9].mean()) < 50  # higher up thick slices hold bone and brain in a pixel
        assert overlap(one.inside > 0.5, own.inside > 0.5) > (0.95 if steep else 0.9)
        shallow = (own.depth > 1) & (own.depth < 10) & (own.inside > 0.9)
        assert np.median(one.depth[shallow] - own.depth[shallow]) == pytest.approx(0, abs=1.8 if steep else 4)


def test_the_lateral_ventricles_are_those_of_the_phantom(both):
    found, own = (
        np.stack([pair[which].ventricle > 0.5 for pair in of_vault(both) if pair[1].z.mean() < 35]) for which in (0, 1)
    )
    assert own.sum() > 1000
    assert overlap(found, own) > 0.7


def test_what_is_taken_for_sulci_is_fluid_of_the_phantom(both):
    """Narrow sulci are not found, as they cannot be seen; brain is not taken for one."""
    found = np.stack([one.csf > 0.5 for one, _ in of_vault(both, 20)])
    own = np.stack([(own.csf + own.ventricle) > 0.3 for _, own in of_vault(both, 20)])
    assert found.sum() > 200
    assert (found & own).sum() / found.sum() > 0.8


def test_places_in_the_head_are_known_within_a_centimetre(both):
    for one, own in both:
        brain = (own.inside > 0.9) & (own.z > -15)
        if brain.sum() < 1500:
            continue
        for axis, tolerance in (("x", 5), ("y", 6), ("z", 10)):
            apart = getattr(one, axis)[brain] - getattr(own, axis)[brain]
            assert np.median(apart) == pytest.approx(0, abs=tolerance), axis
