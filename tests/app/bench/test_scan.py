"""What `ihd bench scan` prints; how long anything took is never asserted."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from app import cli
from app.bench import scan as bench
from app.bench.memory import SIDE, peak_above_volume
from ihd_core.measure import Timings
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.toy import toy_hu


@pytest.fixture
def scan_folder(tmp_path):
    write_series(tmp_path / "scan", toy_hu(3), spacing_mm=(5.0, 3.5, 3.5), series_uid="1.2.3.4")
    return tmp_path / "scan"


@pytest.fixture
def bench_json(capsys, toy_folder, scan_folder, monkeypatch):
    """The rows of a run of one round, by name; the peak of memory is another process's matter."""
    monkeypatch.setattr(bench, "peak_above_volume", lambda *_: 5e8)

    def run():
        call = ["bench", "scan", str(scan_folder), "--model", str(toy_folder), "--rounds", "1", "--json", "--quiet"]
        assert cli.main(call) == 0
        return {row["name"]: row for row in json.loads(capsys.readouterr().out)}

    return run


def test_the_naive_way_stands_beside_ours(bench_json):
    rows = bench_json()
    naive = {name: row["goal"] for name, row in rows.items() if "naive / ours in" in name}
    assert naive == {"whole scan: naive / ours in bf16": ">= 50", "whole scan: naive / ours in fp32": ">= 25"}
    assert rows["whole scan: naive / ours in fp32"]["value"] > 0
    assert rows["network input: largest difference from naive"]["met"]
    (share,) = [row for name, row in rows.items() if "not the CNN" in name]
    assert 0 < share["value"] < 1
    assert rows["400 slices of 1 mm: peak memory of the process above the volume"]["met"]


def test_without_the_library_nothing_is_compared_with_it(bench_json, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    row = bench_json()["whole scan: naive / ours in fp32"]
    assert (row["value"], row["met"], row["reason"]) == (None, None, "pytorch-grad-cam is missing")


def test_without_an_engine_of_a_precision_its_row_has_no_value_but_the_reason(bench_json, monkeypatch):
    monkeypatch.setattr(bench, "_engine", lambda *_: None)
    rows = bench_json()
    for kind in ("bf16", "fp32"):
        row = rows[f"whole scan: naive / ours in {kind}"]
        assert (row["value"], row["reason"]) == (None, "no engine of this precision agrees here")


def test_the_naive_way_is_what_it_takes_for_every_slice():
    seconds = {"naive read": [1.0, 2.0], "naive input": [1.0, 1.0], "naive slice": [2.0, 3.0], "ours": [4.0, 6.0]}
    timings = Timings({name: np.array(taken) for name, taken in seconds.items()})
    assert bench._naive_ratio(timings, "ours", 10) == np.median([(1 + 1 + 20) / 4, (2 + 1 + 30) / 6])


def test_the_memory_is_that_of_a_whole_process(toy_folder):
    few, more = (peak_above_volume(toy_folder, slices=slices) for slices in (8, 40))
    assert 5e7 < few < 4e9
    assert more - few < 40 * SIDE * SIDE * 8  # nothing of the volume's size is kept beside it in a wider type


def test_the_memory_of_who_measures_does_not_count(toy_folder):
    before = peak_above_volume(toy_folder, slices=4)
    large = np.ones(1_500_000_000, np.uint8)
    after = peak_above_volume(toy_folder, slices=4)
    assert large.all()
    assert after == pytest.approx(before, rel=0.2)


def test_a_model_that_is_refused_is_told(tmp_path):
    with pytest.raises(OSError, match="no-model"):
        peak_above_volume(tmp_path / "no-model", slices=2)
