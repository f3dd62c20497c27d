"""Metrics become a picture."""

import cv2

from training.fitting.curves import draw_curves
from training.run_folder import append_row


def test_a_table_of_metrics_becomes_a_picture(tmp_path):
    for epoch in range(3):
        row = {"epoch": epoch, "label_loss": 1 / (1 + epoch), "outside_loss": "nan", "auc": "", "seconds": 3}
        append_row(tmp_path / "metrics.csv", row)
    draw_curves(tmp_path / "metrics.csv", tmp_path / "curves.png")
    picture = cv2.imread(str(tmp_path / "curves.png"))
    assert picture.shape[1] > 2 * picture.shape[0], "a panel for the losses and one for the AUC"
    assert len({tuple(pixel) for pixel in picture.reshape(-1, 3)}) > 10


def test_without_metrics_there_is_no_picture(tmp_path):
    draw_curves(tmp_path / "metrics.csv", tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()
