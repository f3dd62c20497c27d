"""However a scanner stores its slices, the network and the reader see the same head."""

import numpy as np
import pytest

from ihd_core.dicom.reader import load_scan
from ihd_core.heatmaps.explain import heatmap, on_slice
from ihd_core.labels import Label
from ihd_core.phantom.series_writer import write_series
from ihd_core.predict import predict
from tests.ihd_core.toy import IN_PLANE, stored_as, toy_hu, toy_model

UP, DOWN = 1, -1


@pytest.fixture(scope="module")
def model():
    return toy_model()


@pytest.fixture(scope="module")
def usual(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("usual")
    write_series(folder, toy_hu(4), spacing_mm=(5.0, 3.5, 3.5))
    scan = load_scan(folder)
    return scan, predict(scan, model)


@pytest.mark.parametrize("files", [[0, 1, 2, 3], [2, 0, 3, 1]])
@pytest.mark.parametrize("stacked", [UP, DOWN])
@pytest.mark.parametrize("orientation", IN_PLANE)
def test_probabilities_and_maps_are_identical(tmp_path, model, usual, orientation, stacked, files):
    scan, expected = usual
    along = np.array([*orientation[:2], stacked * orientation[2]])
    hu = stored_as(toy_hu(4), orientation)[::stacked]
    write_series(tmp_path, np.ascontiguousarray(hu), orientation=along, shuffle=files, spacing_mm=(5.0, 3.5, 3.5))
    turned = load_scan(tmp_path)
    found = predict(turned, model)
    assert np.array_equal(found.cnn_slices, expected.cnn_slices)
    assert np.array_equal(found.slices, expected.slices)
    assert np.array_equal(found.evidence, expected.evidence)
    here = on_slice(heatmap(found, Label.ANY, 1))
    there = on_slice(heatmap(expected, Label.ANY, 1))
    assert here == pytest.approx(stored_as(there[None], orientation)[0], abs=1e-6)
    assert np.array_equal(turned.hu, stored_as(scan.hu, orientation))
