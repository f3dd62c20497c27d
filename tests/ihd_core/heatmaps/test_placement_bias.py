"""The shipped model's maps lie on the lesions of phantoms, and would not if its cells were said to look elsewhere.

What the anatomy does to a map across turns around when the head is mirrored; where cells are said to look does not,
because it belongs to the picture: the mean over phantoms and their mirror images, each measured in its own pixels, is
the placement's. No head lies upside down in training, so down the picture what anatomy does stays in the figure.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.places import default_model
from ihd_core.heatmaps.explain import heatmap, on_slice
from ihd_core.labels import Label
from ihd_core.model_file import load_model
from ihd_core.model_input import Cells
from ihd_core.phantom.phantom import phantom_scan
from ihd_core.predict import predict

LABEL = Label.INTRAPARENCHYMAL
"""Its lesions are compact and lie anywhere: a centroid says where they are."""

REACH_MM = 50.0
BOUND_MM = 2.0


def centroid(values):
    return np.array([(values * grid).sum() / values.sum() for grid in np.mgrid[: values.shape[0], : values.shape[1]]])


def offsets_mm(seeds, cells):
    """Signed offsets of map from lesion, (maps, 2), mm down and across, of phantoms and their mirror images.

    Of the map, what lies within REACH_MM of the lesion counts: evidence elsewhere is another error than misplacement.
    """
    model, found = load_model(default_model()), []
    for seed in seeds:
        phantom = phantom_scan(seed, labels=[LABEL], size=256, apart_mm=8.0)
        lesion_masks = phantom.masks[LABEL]
        for step in (1, -1):
            scan = replace(phantom.scan, hu=np.ascontiguousarray(phantom.scan.hu[:, :, ::step]))
            said = predict(scan, model)
            said = replace(said, cells=cells or said.cells)
            for index in np.flatnonzero(phantom.truth[:, LABEL.column] & (said.of(LABEL) > 0.5)).tolist():
                lesion = centroid(lesion_masks[index, :, ::step])
                drawn = on_slice(heatmap(said, LABEL, index))
                near = np.hypot(*(np.indices(drawn.shape) - lesion[:, None, None])) * scan.spacing_mm[1] < REACH_MM
                if drawn[near].sum() > 0:
                    found.append((centroid(drawn * near) - lesion) * scan.spacing_mm[1:])
    return np.array(found)


@pytest.mark.parametrize("seeds", [range(600, 604), pytest.param(range(600, 616), marks=pytest.mark.soak)], ids=len)
def test_the_mean_offset_of_map_from_lesion_is_at_most_2_mm_in_each_direction(seeds):
    assert np.abs(offsets_mm(seeds, None).mean(axis=0)).max() <= BOUND_MM


def test_cells_that_are_said_to_look_half_a_cell_away_miss_the_bound_in_each_direction():
    """16 i, as a residual network's cells look, in place of 16 i + 7.5: 7.5 pixels, 9 mm, too far up and left."""
    off = offsets_mm(range(600, 604), Cells(0.0, 16.0)).mean(axis=0)
    assert (off < -BOUND_MM).all()
