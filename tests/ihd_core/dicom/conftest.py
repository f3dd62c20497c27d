"""A small volume of known HU, and a reader of dcm2niix's uncompressed files."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def hu():
    """int16 (5, 32, 40), every voxel different from its neighbours, -1000 to 2999 HU."""
    return np.random.default_rng(1).integers(-1000, 3000, (5, 32, 40)).astype(np.int16)
