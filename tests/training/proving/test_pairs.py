"""Pairs on chosen insertions and predictions, and once through a head in DICOM files."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ihd_core.labels import LABELS, SUBTYPES, Label
from ihd_core.model_file import save_model
from ihd_core.phantom.lesion_record import LesionRecord
from ihd_core.phantom.phantom import phantom_scan
from ihd_core.phantom.series_writer import write_series
from ihd_core.predict import predict
from tests.ihd_core.toy import toy_info, toy_model, toy_networks, toy_scan
from training.proving import pairs
from training.proving.quietness import Point

SUBDURAL, ANY = Label.SUBDURAL, Label.ANY
AT = dict.fromkeys(LABELS, 0.5)


@pytest.fixture(scope="module")
def said():
    return predict(toy_scan(6), toy_model())


def with_slices(said, **by_label):
    p = np.full((6, len(LABELS)), 0.1, np.float32)
    for name, values in by_label.items():
        p[:, Label(name).column] = values
    return replace(said, slices=p)


@pytest.fixture(scope="module")
def inserted():
    """Subdural on slices 2, 3 and 4, visible on the first two; most of it on slice 3."""
    scan = toy_scan(6)
    truth = np.zeros((6, len(LABELS)), bool)
    truth[2:4, [SUBDURAL.column, ANY.column]] = True
    records = tuple(
        LesionRecord(SUBDURAL, index, area, 25.0 + index, 4.0 + index, 7.0)
        for index, area in ((2, 120.0), (3, 260.0), (4, 20.0))
    )
    masks = {label: np.zeros(scan.hu.shape, np.uint8) for label in SUBTYPES}
    masks[SUBDURAL][2:5, 20:30, 20:40] = 1
    return SimpleNamespace(scan=scan, masks=masks, truth=truth, records=records)


def test_a_pair_looks_at_the_slices_that_show_the_lesion_and_at_no_other(said, inserted):
    before = with_slices(said, any=[0.9, 0.2, 0.11, 0.12, 0.8, 0.9], subdural=[0.7, 0.1, 0.02, 0.03, 0.7, 0.7])
    after = with_slices(said, any=[0.9, 0.2, 0.4, 0.6, 0.9, 0.9], subdural=[0.7, 0.1, 0.3, 0.2, 0.9, 0.7])
    found = pairs.compared((SUBDURAL, 1.0, 3), inserted, before, after, AT)
    assert found.slices == (2, 3)
    assert (found.any_before, found.any_after) == pytest.approx((0.12, 0.6))
    assert (found.own_before, found.own_after) == pytest.approx((0.03, 0.3))
    assert found.found
    assert not found.named


def test_what_is_called_without_the_lesion_finds_none(said, inserted):
    before = with_slices(said, any=[0.1, 0.1, 0.9, 0.1, 0.1, 0.1], subdural=[0.1] * 6)
    after = with_slices(said, any=[0.1, 0.1, 0.9, 0.9, 0.1, 0.1], subdural=[0.1, 0.1, 0.6, 0.1, 0.1, 0.1])
    found = pairs.compared((SUBDURAL, 1.0, 3), inserted, before, after, AT)
    assert (found.called_before, found.found, found.named) == (True, False, True)


def test_the_peak_is_looked_for_in_all_slices_that_are_read_as_one(said, inserted, monkeypatch):
    """The lesion's other slices are part of what the network saw: slice 3 alone shows a corner of it."""
    masks = {label: mask.copy() for label, mask in inserted.masks.items()}
    masks[SUBDURAL][3] = 0
    masks[SUBDURAL][3, 20, 20] = 1
    thin = SimpleNamespace(**{**vars(inserted), "masks": masks})
    looked = []

    def place(shown, lesion, inside, spacing_mm):
        looked.append(lesion)
        return "outside"

    monkeypatch.setattr(pairs, "place_of_peak", place)
    one_slab = replace(said, slab_of_slice=np.array([0, 0, 1, 1, 1, 2]))
    pairs.compared((SUBDURAL, 1.0, 3), thin, said, said, AT)
    pairs.compared((SUBDURAL, 1.0, 3), thin, said, one_slab, AT)
    assert [lesion.sum() for lesion in looked] == [1, 200]


def test_its_facts_are_those_of_the_slice_that_shows_most(said, inserted):
    found = pairs.compared((SUBDURAL, 1.0, 3), inserted, said, said, AT)
    assert (found.area_mm2, found.contrast_hu, found.thickness_mm, found.volume_ml) == (260.0, 28.0, 7.0, 7.0)


def test_every_subtype_and_size_is_put_into_a_head_once(tmp_path, monkeypatch):
    monkeypatch.setattr(pairs, "SIZES", (1.4,))
    scan = phantom_scan(3, labels=[], size=96, slices=12).scan
    write_series(
        tmp_path / "head",
        scan.hu,
        spacing_mm=scan.spacing_mm,
        orientation=scan.orientation,
        positions_mm=scan.positions_mm,
        intercept=-4096.0,
    )
    save_model(tmp_path / "model", toy_info(), **toy_networks(), card="# Toy\n")
    points = {label: Point("slice", label, 0.5, 0, 1.0) for label in LABELS}
    made = pairs.pairs(tmp_path / "head", tmp_path / "model", points, each=1, processes=1)
    assert [(one.label, one.size, one.number) for one in made] == [(label, 1.4, 0) for label in SUBTYPES]
    seen = [one for one in made if one.slices]
    assert seen
    assert all(one.area_mm2 >= 50 and one.volume_ml > 0 for one in seen)
    assert any(one.any_before != one.any_after for one in seen)
    assert all(one.found == (one.any_after > 0.5 >= one.any_before) for one in seen)
