"""Groups dealt to parts, against their shares on simulated patients."""

import numpy as np
import pytest

from training.data.stratification import deal

SHARES = ([0.034, 0.034, 0.932], [0.2] * 5, [0.034, *[0.966 / 5] * 5], [0.25, 0.15, 0.6])
PREVALENCE = np.array([0.016, 0.24, 0.17, 0.18, 0.17])
"""About that of RSNA's scans."""


def patients(seed, count):
    """Sizes and positives of patients with one to six scans, of whom some have much hemorrhage and most little."""
    random = np.random.default_rng([seed, count])
    sizes = random.choice([1, 1, 1, 2, 3, 6], count)
    positives = np.zeros((count, 6), np.intp)
    for number, size in enumerate(sizes):
        scans = random.random((size, 5)) < PREVALENCE * random.choice([0.2, 2.0])
        positives[number] = [*scans.sum(axis=0), scans.any(axis=1).sum()]
    return sizes, positives


def amounts(values, part, parts):
    return np.array([values[part == number].sum(axis=0) for number in range(parts)])


@pytest.mark.parametrize("shares", SHARES)
def test_every_part_has_its_share_of_scans_and_labels_within_one_patient(shares):
    for seed in range(8):
        sizes, positives = patients(seed, 300)
        part = deal(sizes, positives, shares, np.random.default_rng(seed))
        wanted = np.array(shares)[:, None]
        assert np.abs(amounts(sizes[:, None], part, len(shares)) - wanted * sizes.sum()).max() <= sizes.max()
        assert np.abs(amounts(positives, part, len(shares)) - wanted * positives.sum(axis=0)).max() <= sizes.max()


def test_chance_alone_would_miss_those_bounds():
    off = []
    for seed in range(8):
        _, positives = patients(seed, 300)
        part = np.random.default_rng(seed).choice(3, 300, p=SHARES[3])
        off.append(np.abs(amounts(positives, part, 3) - np.array(SHARES[3])[:, None] * positives.sum(axis=0)).max())
    assert np.median(off) > 6


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_no_part_is_empty_where_there_are_enough_groups(count):
    for seed in range(50):
        sizes = np.random.default_rng(seed).integers(1, 12, count)
        part = deal(sizes, np.zeros((count, 6), np.intp), [1 / count] * count, np.random.default_rng(seed))
        assert sorted(part.tolist()) == list(range(count))


def test_the_same_seed_deals_alike_and_another_one_otherwise():
    sizes, positives = patients(1, 200)
    first, again, other = (deal(sizes, positives, SHARES[1], np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()
