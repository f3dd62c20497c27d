"""The brain mask against the cavity that phantoms are made of."""

from __future__ import annotations

import numpy as np
import pytest

from ihd_core.brain_mask import brain_mask
from ihd_core.phantom.phantom import phantom_scan
from tests.ihd_core.phantom.cavity_truth import head_of, overlaps


def dice(seed, **options):
    scan = phantom_scan(seed, size=256, **options).scan
    return overlaps(brain_mask(scan), *head_of(seed, options.get("thickness_mm")))["all"].dice


@pytest.mark.parametrize(
    "seed",
    [
        500_022,  # as most are
        500_150,  # a piece of the vault is gone
        500_226,  # a piece is gone down to the temporal bone, where orbits are in the picture
        500_273,  # likewise, tilted by 19 degrees and leaning by 14, in slices of 9 mm
    ],
)
def test_the_inside_of_a_phantoms_skull_is_found(seed):
    assert dice(seed) >= 0.9


@pytest.mark.soak
def test_the_insides_of_most_skulls_are_found_well_whatever_the_slices():
    found = [dice(seed) for seed in range(500_001, 500_061)]
    found += [dice(seed, thickness_mm=mm) for seed in range(500_061, 500_064) for mm in (1.25, 2.5, 8.0)]
    assert np.median(found) >= 0.95
    assert np.quantile(found, 0.05) >= 0.9
