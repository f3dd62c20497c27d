"""What is said to be seen in a slice, against two renders: with and without the hemorrhage."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from ihd_core.labels import SUBTYPES, Label
from ihd_core.phantom.head import draw_head
from ihd_core.phantom.hemorrhages.draw import draw_hemorrhage
from ihd_core.phantom.protocol import Protocol
from ihd_core.phantom.scanner import Scanner, draw_scanner
from ihd_core.phantom.slices import Patient, make_slice

SIDE = 128
PROTOCOL = Protocol((-24.0, 0.0, 12.0, 24.0, 36.0, 48.0, 60.0, 72.0), (5.0,) * 8, 230.0)


def scanner(seed: int) -> Scanner:
    return replace(draw_scanner(np.random.default_rng(seed)), circle=0.0, moving=0.0)


@pytest.mark.parametrize("label", SUBTYPES)
def test_the_visible_area_is_where_two_renders_differ(label):
    head = draw_head(np.random.default_rng(7))
    lesion = draw_hemorrhage(label, np.random.default_rng(11), 1.5)
    bled = Patient(head, scanner(9), (), (lesion,), ())
    checked = 0
    for index in range(8):
        one, other = (
            make_slice(patient, PROTOCOL, index, SIDE, np.random.default_rng(index))
            for patient in (bled, replace(bled, lesions=()))
        )
        change = one.hu.astype(int) - other.hu
        near = cv2.dilate(one.masks[label], np.ones((3, 3), np.uint8)) > 0
        area = float((np.abs(change[near]) >= 12).sum()) * (230 / SIDE) ** 2
        records = [record for record in one.lesions if record.label is label]
        if not records:
            assert area < 50
            continue
        checked += 1
        assert records[0].area_mm2 == pytest.approx(area, rel=0.12, abs=12)
        if abs(area - 50) > 12:
            assert records[0].visible == (area >= 50)
        assert not other.lesions
    assert checked >= 1


def test_blood_too_little_to_be_seen_is_recorded_as_such():
    head = draw_head(np.random.default_rng(7))
    sizes = []
    for size in (0.4, 1.5):
        lesion = draw_hemorrhage(Label.INTRAPARENCHYMAL, np.random.default_rng(11), size)
        patient = Patient(head, scanner(9), (), (lesion,), ())
        made = [make_slice(patient, PROTOCOL, i, SIDE, np.random.default_rng(i)) for i in range(8)]
        sizes.append(sum(record.area_mm2 for one in made for record in one.lesions))
    assert sizes[0] < 0.5 * sizes[1]
