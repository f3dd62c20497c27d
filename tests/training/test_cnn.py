"""What is trained on is what was drawn, and moves with its mask."""

import numpy as np

from training.cnn import augmented


def test_a_lesion_and_its_cells_move_together():
    hu = np.zeros((64, 64), np.int16)
    cells = np.zeros((1, 4, 4), np.float32)
    hu[16:32, 16:32] = 1000
    cells[0, 1, 1] = 1
    rng = np.random.default_rng(3)
    for _ in range(20):
        moved, moved_cells = augmented(hu, cells, rng)
        bright = np.argwhere(moved > 500).mean(axis=0)
        weight = moved_cells[0] / moved_cells[0].sum()
        rows, columns = np.mgrid[0:4, 0:4] * 16 + 7.5
        marked = np.array([(weight * rows).sum(), (weight * columns).sum()])
        assert np.abs(bright - marked).max() < 4, "a quarter of a cell"


def test_about_half_of_the_slices_are_mirrored():
    hu = np.full((64, 64), -1000, np.int16)
    hu[16:48, 36:48] = 1000
    rng = np.random.default_rng(5)
    moved = [augmented(hu, np.zeros((1, 4, 4), np.float32), rng)[0] for _ in range(200)]
    right = sum(float(picture[:, 32:].sum()) > float(picture[:, :32].sum()) for picture in moved)
    assert 70 < right < 130
