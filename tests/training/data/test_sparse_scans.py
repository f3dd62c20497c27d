"""Phantoms with few slices each: many heads for the CNN, none of them for the BiLSTM."""

from dataclasses import replace

import numpy as np
import pytest

from ihd_core.errors import FileError
from ihd_core.phantom.phantom import phantom_scan
from training.data.index import load_index, make_index
from training.data.scan_groups import scans_of
from training.data.split import ROLES, by_patient, in_order_of_files, make_split, roles
from training.data.synthetic import SPARSE_MM, sources_of, write_synthetic
from training.presets import REHEARSAL
from training.run_folder import RunFolder

WHOLE, SPARSE = 8, 5


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = replace(
        REHEARSAL,
        synthetic=replace(REHEARSAL.synthetic, scans=WHOLE, unlabelled=0, sparse=SPARSE, size=48),
        split=replace(REHEARSAL.split, widest_mm=10.0, sequence_share=0.4),
    )
    run = RunFolder(tmp_path_factory.mktemp("run"), config)
    write_synthetic(run, processes=1)
    make_index(run, sources_of(run), processes=1)
    make_split(run)
    return run


def test_only_the_cnn_is_fitted_on_scans_whose_slices_lie_far_apart(run):
    table = load_index(run)
    of = roles(run, table, 0)
    scans = scans_of(table)
    far = np.flatnonzero(scans.apart_mm > 10)
    assert len(far) == SPARSE
    in_far = np.isin(table.scan_of_row(), far)
    assert set(of[in_far]) <= {ROLES.index("train"), ROLES.index("unlabelled")}
    for role in ("sequence", "validation", "test"):
        assert (of[~in_far] == ROLES.index(role)).any()


def test_whole_scans_are_dealt_as_if_there_were_no_others(run):
    scans = scans_of(load_index(run))
    whole = scans.apart_mm <= 10
    config = run.config.split
    folds, sequence = by_patient(scans, config, run.config.seed)
    few = replace(
        scans,
        **{name: getattr(scans, name)[whole] for name in ("uids", "groups", "truth", "slices", "apart_mm")},
        patients=[name for name, one in zip(scans.patients, whole, strict=True) if one],
        firsts=[name for name, one in zip(scans.firsts, whole, strict=True) if one],
    )
    alone = by_patient(few, replace(config, widest_mm=0.0), run.config.seed)
    np.testing.assert_array_equal(folds[whole], alone[0])
    np.testing.assert_array_equal(sequence[whole], alone[1])


@pytest.mark.parametrize(
    ("change", "deal"),
    [
        ({"folds": 2}, lambda scans, config: by_patient(scans, config, 1)),
        ({"sequence_share": 0.0}, lambda scans, config: by_patient(scans, config, 1)),
        ({"method": "series-order"}, in_order_of_files),
    ],
)
def test_a_limit_that_cannot_be_kept_is_refused(run, change, deal):
    scans = scans_of(load_index(run))
    config = replace(run.config.split, **change)
    with pytest.raises(FileError, match=r"split\.widest_mm is 10"):
        deal(scans, config)


def test_a_sparse_phantom_has_slices_of_the_whole_one():
    whole, sparse = phantom_scan(4, size=48), phantom_scan(4, size=48, apart_mm=SPARSE_MM)
    heights = whole.scan.positions_mm[:, 2]
    found = [int(np.argmin(np.abs(heights - height))) for height in sparse.scan.positions_mm[:, 2]]
    np.testing.assert_allclose(heights[found], sparse.scan.positions_mm[:, 2], atol=1e-6)
    assert abs(float(np.median(np.diff(sparse.scan.positions_mm[:, 2]))) - SPARSE_MM) <= 4
    np.testing.assert_array_equal(whole.truth[found], sparse.truth)
