"""Operating points against trying every threshold, and what is flagged of a toy head."""

from dataclasses import replace

import numpy as np
import pytest

from ihd_core.errors import FileError
from ihd_core.labels import LABELS, Label
from ihd_core.model_file import load_model, save_model
from ihd_core.phantom.series_writer import write_series
from ihd_core.predict import predict
from tests.ihd_core.round_head import round_head
from tests.ihd_core.toy import toy_info, toy_networks, toy_scan
from tests.training.proving.made_readings import made_readings
from training.proving.accuracy import rows_of
from training.proving.quietness import load_real, points, quietness


@pytest.fixture(scope="module")
def rows():
    return rows_of(made_readings(scans=60))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    save_model(folder, toy_info(), **toy_networks(), card="# Toy\n")
    return folder


@pytest.mark.parametrize("level", ["slice", "scan"])
@pytest.mark.parametrize("label", LABELS)
def test_the_threshold_is_the_highest_that_finds_90_percent_of_200_mm2_and_more(rows, level, label):
    one = rows[level]
    large = one.truth[:, label.column] & (one.area_mm2[:, label.column] >= 200)
    score = one.probability[large, label.column]
    found = points(one)[label]
    assert found.positives == large.sum()
    assert (score > np.float32(found.threshold)).mean() >= 0.9
    higher = [t for t in np.unique(score) if t > found.threshold]
    assert not any((score > t).mean() >= 0.9 for t in higher)


def test_flagged_slices_are_those_above_the_threshold(rows, model):
    scan = toy_scan(6)
    said = predict(scan, load_model(model)).of(Label.ANY)
    middle = float(np.sort(said)[3])
    of_slices = {label: replace(point, threshold=1.0) for label, point in points(rows["slice"]).items()}
    of_slices[Label.ANY] = replace(of_slices[Label.ANY], threshold=middle)
    of_scans = {label: replace(point, threshold=0.0) for label, point in points(rows["scan"]).items()}
    found = quietness(scan, model, of_slices, of_scans)
    assert found.flagged == tuple(index for index in range(6) if said[index] > middle)
    assert len(found.flagged) == 2
    assert not found.met
    assert found.flagged_by_label[Label.SUBDURAL] == ()
    assert set(found.scan_flagged) == set(LABELS)
    assert found.probability[Label.ANY] == pytest.approx(tuple(said), abs=1e-4)


def test_a_head_below_every_threshold_is_quiet(rows, model):
    of_slices = {label: replace(point, threshold=1.0) for label, point in points(rows["slice"]).items()}
    found = quietness(toy_scan(6), model, of_slices, of_slices)
    assert found.met
    assert found.flagged == ()


def test_without_a_lesion_behind_the_threshold_nothing_is_proved(rows, model):
    of_slices = {label: replace(point, positives=0) for label, point in points(rows["slice"]).items()}
    assert quietness(toy_scan(6), model, of_slices, of_slices).met is None


def test_what_the_program_warns_of_and_withholds_is_kept(rows, model, tmp_path):
    """Twelve slices of 2 mm are no head."""
    write_series(
        tmp_path / "few", round_head(spacing_mm=(2.0, 2.5, 2.5), low_mm=80, high_mm=102).hu, spacing_mm=(2.0, 2.5, 2.5)
    )
    of_slices = points(rows["slice"])
    found = quietness(load_real(tmp_path / "few"), model, of_slices, of_slices)
    assert found.withheld.startswith("Only 24 mm of a head are shown")
    assert found.withheld in found.warnings


def test_a_model_that_is_replaced_in_its_folder_is_read_again(rows, tmp_path):
    of_slices = points(rows["slice"])
    said = []
    for seed in (0, 1):
        networks = toy_networks(seed=seed)
        save_model(tmp_path, toy_info(), **networks, card="# Toy\n")
        said.append(quietness(toy_scan(6), tmp_path, of_slices, of_slices).probability)
    assert said[0] != said[1]


def test_a_missing_folder_is_refused_by_name(tmp_path):
    with pytest.raises(FileError, match="nowhere: missing"):
        load_real(tmp_path / "nowhere")
