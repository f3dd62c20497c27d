"""The order of scans by the names of their files."""

import numpy as np
import pytest

from training.data.scans import natural


@pytest.mark.parametrize(
    "names",
    [
        ["a1", "a2", "a10", "b1"],
        ["01.dcm", "1.dcm", "2.dcm", "10.dcm"],
        ["x/9/1", "x/10/0"],
        ["", "7", "a", "a7", "a7b"],
        ["ID_000012eaf", "ID_000039fa0", "ID_00005679d"],
    ],
)
def test_numbers_in_names_are_compared_as_numbers(names):
    for seed in range(5):
        mixed = np.random.default_rng(seed).permutation(names).tolist()
        assert sorted(mixed, key=natural) == names
