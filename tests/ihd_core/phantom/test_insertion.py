"""Inserted blood is judged against heads whose inner table and HU are known from the formula of an ellipse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from ihd_core.errors import CannotPredict, FileError
from ihd_core.labels import Label
from ihd_core.phantom.hemorrhages.bleed import Bleed, nothing, sight
from ihd_core.phantom.insertion import insert
from ihd_core.phantom.look import PROJECT, write_look
from ihd_core.phantom.real_head import real_head
from ihd_core.phantom.statistics import compared, statistics
from tests.ihd_core.round_head import round_head


class Ball:
    """Blood within 12 mm of the middle of the brain."""

    label = Label.INTRAPARENCHYMAL
    pushes = ()

    def __init__(self, hu, radius=12.0):
        self.hu, self.radius = np.float32(hu), radius

    def on(self, tissue):
        away = np.sqrt((tissue.x - 20) ** 2 + (tissue.y - 10) ** 2 + (tissue.z - 25) ** 2)
        return Bleed((away < self.radius).astype(np.float32), self.hu)


@pytest.fixture(scope="module")
def head():
    rng = np.random.default_rng(1)

    def noisy(hu, x, y, z):
        return hu + rng.normal(0, 3, hu.shape)

    return real_head(round_head(spacing_mm=(4.0, 1.25, 1.25), change=noisy))


def test_depth_is_the_distance_to_the_inner_table(head):
    middle = head.tissues[len(head.tissues) // 2]
    rows, columns = middle.depth.shape
    assert middle.depth[rows // 2, columns // 2] == pytest.approx(66, abs=4)
    along = middle.depth[rows // 2]
    left = int(np.argmax(along > 0))
    assert left - (columns / 2 - 66 / head.pixel_mm) == pytest.approx(0, abs=2)


def test_blood_has_its_hu_the_noise_stays_and_nothing_else_changes(head):
    before = head.scan.hu.astype(float)
    inserted = insert(head, [Ball(70)])
    after, mask = inserted.scan.hu.astype(float), inserted.masks[Label.INTRAPARENCHYMAL] > 0
    assert mask.sum() * 4 * 1.25**2 / 1000 == pytest.approx(4 / 3 * np.pi * 1.2**3, rel=0.35)
    core = ndimage.binary_erosion(mask, np.ones((1, 5, 5)))
    assert core.sum() > 200
    assert after[core].mean() == pytest.approx(70, abs=4)
    assert 2 < after[core].std() < 4
    assert np.corrcoef(after[core], before[core])[0, 1] > 0.7
    far = head.scan.hu < -900
    assert (after[far] == before[far]).all()


def test_what_is_seen_is_true_and_what_differs_too_little_is_faint(head):
    seen, unseen = insert(head, [Ball(70)]), insert(head, [Ball(40)])
    column = Label.INTRAPARENCHYMAL.column
    assert seen.truth[:, column].sum() >= 4
    assert (seen.truth[:, Label.ANY.column] == seen.truth[:, column]).all()
    assert not unseen.truth.any()
    assert unseen.faint[:, column].sum() >= 4
    best = max(seen.records, key=lambda record: record.area_mm2)
    assert best.contrast_hu == pytest.approx(70 - 33, abs=7)
    assert best.volume_ml == pytest.approx(4 / 3 * np.pi * 1.2**3, rel=0.35)


class Layer:
    """Blood of 66 HU within 12 mm of the inner table, from about the middle of the head up."""

    label = Label.SUBDURAL
    pushes = ()

    def on(self, tissue):
        share = ((tissue.depth > 0) & (tissue.depth < 12) & (tissue.z > 10)).astype(np.float32)
        at = sight(tissue, (-100, -100, -100), (100, 120, 120))
        return at.bleed(share[at.box], np.float32(66)) if at else nothing(tissue)


def test_bone_that_shares_pixels_with_blood_is_not_counted_twice():
    """By 66 HU instead of 33 a voxel rises by 33 HU, and by less where bone has a share of it."""

    def soft(hu, x, y, z):
        return ndimage.gaussian_filter(hu, (0, 0.8, 0.8))

    head = real_head(round_head(spacing_mm=(4.0, 1.0, 1.0), change=soft))
    inserted = insert(head, [Layer()])
    rise = inserted.scan.hu.astype(float) - head.scan.hu
    middle = slice(20, 26)
    rim = (inserted.masks[Label.SUBDURAL][middle] > 0) & (head.scan.hu[middle] > 60)
    assert rim.sum() > 500
    assert rise[middle][rim].mean() < 33
    assert rise[middle].max() < 40


class Swelling:
    """A drop of blood within 20 mm of edema."""

    label = Label.INTRAPARENCHYMAL
    pushes = ()

    def on(self, tissue):
        away = np.sqrt((tissue.x - 20) ** 2 + (tissue.y - 10) ** 2 + (tissue.z - 25) ** 2)
        drop, edema = ((away < radius).astype(np.float32) for radius in (3.0, 20.0))
        return Bleed(drop, np.float32(70), edema, edema_hu=15.0)


def test_edema_makes_no_hemorrhage_visible(head):
    inserted = insert(head, [Swelling()])
    swollen = head.scan.hu.astype(float) - inserted.scan.hu > 10
    assert swollen.sum() * 1.25**2 > 1500
    assert inserted.records
    assert not inserted.truth.any()
    assert inserted.faint[:, Label.INTRAPARENCHYMAL.column].any()


def test_a_scan_without_a_skull_takes_no_blood():
    with pytest.raises(CannotPredict, match="encloses nothing"):
        real_head(round_head(change=lambda hu, x, y, z: np.full_like(hu, -1000)))


def test_statistics_find_the_brain_and_the_noise_that_were_chosen(head):
    found = statistics(head.scan)
    assert found["noise (deviation)"] == pytest.approx(3, abs=0.5)
    assert found["brain 20 mm from bone, below"] == pytest.approx(33, abs=2)
    assert found["bone of the vault (median)"] == pytest.approx(1100, abs=60)


def test_what_lies_outside_the_phantoms_is_marked():
    table = compared([{"a": 1.0, "b": 5.0}, {"a": 3.0, "b": 6.0}], {"a": 2.0, "b": 9.0})
    assert "| a | 2.0 | 1.1 to 2.9 | 2.0 |  |" in table
    assert "| b | 5.5 | 5.0 to 6.0 | 9.0 | outside |" in table


def test_pictures_of_a_real_head_are_never_written_into_the_project(tmp_path):
    with pytest.raises(FileError, match="not written into the project"):
        write_look(PROJECT / "docs" / "look", tmp_path)
