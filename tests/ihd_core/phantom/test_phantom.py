"""Synthetic heads: what is asked for is there, can be seen, and lies where the masks say."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from ihd_core.labels import LABELS, SUBTYPES, Label
from ihd_core.phantom.phantom import phantom_scan

SIZE, SLICES = 96, 10


@functools.cache
def _drawn(seed: int, labels: tuple[Label, ...] | None, size: int, slices: int):
    return phantom_scan(seed, labels=labels, size=size, slices=slices)


def small(seed: int, labels: list[Label] | None = None, size: int = SIZE, slices: int = SLICES):
    """Drawn once for all tests."""
    return _drawn(seed, None if labels is None else tuple(labels), size, slices)


def test_the_same_seed_makes_the_same_phantom_and_another_makes_another():
    first, other = (small(seed, [Label.SUBDURAL]) for seed in (5, 6))
    again = phantom_scan(5, labels=[Label.SUBDURAL], size=SIZE, slices=SLICES)
    assert np.array_equal(first.scan.hu, again.scan.hu)
    assert np.array_equal(first.truth, again.truth)
    assert first.scan.slice_uids == again.scan.slice_uids
    assert not np.array_equal(first.scan.hu, other.scan.hu)
    assert first.scan.uid != other.scan.uid


def test_other_labels_for_the_same_seed_are_another_series():
    assert small(11, [Label.SUBDURAL]).scan.uid != small(11, []).scan.uid


@pytest.mark.parametrize("label", SUBTYPES)
def test_a_wanted_subtype_is_the_only_one_in_the_truth(label):
    phantom = small(11, [label])
    expected = [one in (label, Label.ANY) for one in LABELS]
    assert phantom.truth.any(axis=0).tolist() == expected
    assert [bool(phantom.masks[one].any()) for one in SUBTYPES] == expected[:-1]


def test_wanted_subtypes_together_are_all_seen():
    wanted = [Label.INTRAPARENCHYMAL, Label.INTRAVENTRICULAR, Label.ANY]
    phantom = small(3, wanted)
    assert phantom.truth.any(axis=0).tolist() == [one in wanted for one in LABELS]


def test_a_head_without_hemorrhage_has_no_truth_and_empty_masks():
    phantom = small(2, [])
    assert not phantom.truth.any()
    assert sorted(phantom.masks) == sorted(SUBTYPES)
    assert not any(mask.any() for mask in phantom.masks.values())


def test_any_is_true_exactly_where_a_subtype_is():
    phantom = small(8, [Label.SUBDURAL, Label.SUBARACHNOID])
    assert np.array_equal(phantom.truth[:, Label.ANY.column], phantom.truth[:, : len(SUBTYPES)].any(axis=1))


@pytest.mark.parametrize("label", SUBTYPES)
def test_every_positive_slice_holds_at_least_60_mm2_of_the_mask(label):
    phantom = small(11, [label])
    pixel_mm2 = phantom.scan.spacing_mm[1] * phantom.scan.spacing_mm[2]
    area = phantom.masks[label].sum(axis=(1, 2)) * pixel_mm2
    assert (area[phantom.truth[:, label.column]] >= 60).all()


@pytest.mark.parametrize("label", SUBTYPES)
def test_hemorrhages_lie_inside_the_skull(label):
    """Of a soft kernel: a sharp one darkens what lies beside bone."""
    phantom = small(11, [label])
    inside = phantom.scan.hu[phantom.masks[label] > 0]
    assert np.median(inside) < 150
    assert (inside > -50).mean() > 0.99


@pytest.mark.parametrize("label", [Label.INTRAPARENCHYMAL, Label.INTRAVENTRICULAR, Label.EPIDURAL])
def test_fresh_blood_is_brighter_than_the_same_head_without_it(label):
    bled, free = small(11, [label]), small(11, [])
    place = bled.masks[label] > 0
    place[~bled.truth[:, label.column]] = False
    assert np.median(bled.scan.hu[place].astype(int) - free.scan.hu[place]) > 12


def test_a_hemorrhage_spans_neighbouring_slices():
    phantom = phantom_scan(51, labels=[Label.INTRAPARENCHYMAL], size=SIZE, slices=24)
    there = np.flatnonzero(phantom.masks[Label.INTRAPARENCHYMAL].any(axis=(1, 2)))
    assert len(there) >= 2
    assert np.array_equal(there, np.arange(there[0], there[-1] + 1))


def test_slices_run_from_inferior_to_superior_in_patient_axes():
    scan = small(2, []).scan
    assert (np.diff(scan.heights_mm) > 0).all()
    assert scan.orientation[0] @ [1, 0, 0] > 0.99  # columns run to the patient's left: the right is on image left
    assert scan.orientation[1] @ [0, 1, 0] > 0.9  # rows run to posterior: anterior is up
    assert np.allclose(np.diff(scan.heights_mm), scan.spacing_mm[0])
    assert np.allclose(scan.orientation @ scan.orientation.T, np.eye(3))


def test_air_bone_and_brain_have_their_hounsfield_units():
    hu = phantom_scan(71, labels=[], size=128, slices=8).scan.hu
    assert hu.dtype == np.int16
    assert hu.min() >= -1024
    assert abs(np.median(hu[:, :4, 50:78]) + 1000) < 30
    brain = hu[4, 54:74, 44:84]
    assert 15 < np.median(brain) < 50
    assert np.percentile(hu, 99) > 700


def test_half_of_the_phantoms_drawn_freely_bleed():
    bled = [small(seed, None, size=32, slices=5).truth.any() for seed in range(100, 120)]
    assert 3 <= sum(bled) <= 16


def test_the_default_scan_covers_the_head_with_usual_slices():
    scan = phantom_scan(81, labels=[], size=32).scan
    assert 22 <= len(scan) <= 64
    assert 2.2 <= scan.spacing_mm[0] <= 6
    assert 205 <= scan.spacing_mm[1] * 32 <= 255


@pytest.mark.parametrize(("size", "slices"), [(16, 10), (64, 1)])
def test_a_scan_too_small_to_show_anything_is_refused(size, slices):
    with pytest.raises(ValueError, match="at least"):
        phantom_scan(1, size=size, slices=slices)
