from __future__ import annotations

import cv2
import numpy as np
import pytest

from ihd_core.errors import FileError
from ihd_core.heatmaps.heatmap_picture import picture, write_png
from ihd_core.heatmaps.overlay import COLOURS
from ihd_core.labels import DISPLAY_ORDER, LABELS, Label
from ihd_core.windowing import BRAIN, to_grey
from tests.ihd_core.toy import IN_PLANE, toy_prediction, toy_scan


@pytest.fixture
def cold():
    """A prediction that paints nothing."""
    return toy_prediction(full_scale=dict.fromkeys(LABELS, 1e6))


def test_a_picture_shows_the_slice_large_and_unchanged_where_nothing_is_painted(cold):
    scan = toy_scan(2, size=64)
    shown = picture(scan, 1, BRAIN, cold, [Label.ANY])
    assert shown.dtype == np.uint8
    enlarged = cv2.resize(to_grey(scan.hu[1], BRAIN), (768, 768), interpolation=cv2.INTER_LINEAR)
    inside = np.s_[100:300, 100:600]
    assert np.abs(shown[:768, :768][inside] - enlarged[inside][..., None].astype(int)).max() <= 1


def test_a_picture_keeps_the_shape_of_a_head_with_oblong_pixels():
    scan = toy_scan(1, size=64, spacing_mm=(5.0, 4.0, 2.0))
    shown = picture(scan, 0, BRAIN, toy_prediction(scan), [Label.ANY])
    alone = picture(toy_scan(1), 0, BRAIN, toy_prediction(toy_scan(1)), [Label.ANY])
    assert alone.shape[1] - shown.shape[1] == 768 // 2
    assert alone.shape[0] == shown.shape[0]


def test_every_painted_label_has_a_bar_in_its_colour(cold):
    scan = toy_scan(2)
    panel = picture(scan, 0, BRAIN, cold, DISPLAY_ORDER)[:768, 768:]
    for label in DISPLAY_ORDER:
        # The full end of the bar: 60 % of the colour over grey 96.
        end = np.rint(0.6 * np.array(COLOURS[label]) + 0.4 * 96)
        assert (np.abs(panel - end).max(axis=2) <= 1).sum() >= 14, label


def written(monkeypatch, scan, prediction, labels):
    """The texts of a picture, in order."""
    texts = []
    put = cv2.putText
    monkeypatch.setattr(cv2, "putText", lambda image, text, *rest: (texts.append(text), put(image, text, *rest))[1])
    picture(scan, 0, BRAIN, prediction, labels)
    return texts


def test_a_picture_says_what_it_is_and_that_it_is_not_for_clinical_use(monkeypatch):
    scan = toy_scan(2)
    prediction = toy_prediction(scan)
    texts = " | ".join(written(monkeypatch, scan, prediction, [Label.SUBDURAL]))
    assert prediction.model.intended_use in texts
    assert "not for clinical use" in texts
    assert prediction.model.sha256[:12] in texts
    assert "SDH  subdural" in texts
    assert f"slice {prediction.of(Label.SUBDURAL)[0]:.2f}" in texts
    assert "logit per cell of 56 mm" in texts
    assert "window C 40 W 80" in texts


@pytest.mark.parametrize("orientation", IN_PLANE)
def test_a_picture_has_letters_at_its_edges(monkeypatch, orientation):
    scan = toy_scan(1, orientation=orientation)
    assert {"L", "R", "A", "P"} <= set(written(monkeypatch, scan, toy_prediction(scan), [Label.ANY]))


def test_a_name_beyond_ascii_is_written_with_question_marks(monkeypatch):
    scan = toy_scan(1)
    texts = written(monkeypatch, scan, toy_prediction(scan, name="Modèle"), [Label.ANY])
    assert any(text.startswith("Mod?le") for text in texts)


def test_a_picture_is_written_without_loss(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    write_png(tmp_path / "a.png", rgb)
    assert np.array_equal(cv2.imread(str(tmp_path / "a.png"))[..., ::-1], rgb)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileError, match=r"nowhere.*a\.png"):
        write_png(tmp_path / "nowhere" / "a.png", np.zeros((2, 2, 3), np.uint8))
