"""What `ihd bench read` prints; how long anything took is never asserted."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest

from app import cli
from app.bench import read as bench
from ihd_core.dicom.pixel_data import pixels
from ihd_core.dicom.series import find_series
from ihd_core.phantom.series_writer import write_series

HU = np.random.default_rng(0).integers(-1000, 2000, (12, 32, 40)).astype(np.int16)
ROWS = {
    "matrix product, float32": None,
    "12 slices: folder to scan": None,
    "12 slices: first slice / whole scan": "<= 1",
    "12 slices: ours / reads alone": None,
    "12 slices: pydicom / ours": ">= 15",
    "12 slices: GDCM / ours": ">= 5",
    "12 slices: dcm2niix / ours": ">= 5",
    "12 slices: SimpleITK / ours": ">= 5",
    "12 slices: peak memory / int16 volume": "<= 1.2",
    "12 slices: largest difference from pydicom": "<= 0",
}


@pytest.fixture
def bench_json(capsys):
    """The rows of a run of one round, by name."""

    def run(*arguments):
        assert cli.main(["bench", "read", *map(str, arguments), "--rounds", "1", "--json", "--quiet"]) == 0
        return {row["name"]: row for row in json.loads(capsys.readouterr().out)}

    return run


def test_every_row_is_there_and_those_without_a_comparator_say_why(tmp_path, bench_json, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    write_series(tmp_path, HU)
    rows = bench_json(tmp_path)
    assert {name: row["goal"] for name, row in rows.items()} == ROWS
    absent = rows["12 slices: dcm2niix / ours"]
    assert (absent["value"], absent["met"], absent["reason"]) == (None, None, "dcm2niix is not installed")
    measured = [name for name in ROWS if name.split(": ")[-1] not in {"dcm2niix / ours", "SimpleITK / ours"}]
    assert all(rows[name]["value"] >= 0 for name in measured)
    assert rows["12 slices: largest difference from pydicom"]["met"]


def test_dcm2niix_is_measured_where_it_is(tmp_path, bench_json, need_tool):
    need_tool("dcm2niix")
    write_series(tmp_path, HU, tags={"SeriesDescription": "head"})
    assert bench_json(tmp_path)["12 slices: dcm2niix / ours"]["value"] > 0


def test_encoded_series_have_no_goal(tmp_path, bench_json):
    write_series(tmp_path, HU, transfer_syntax="1.2.840.10008.1.2.5")
    rows = bench_json(tmp_path)
    assert {rows[f"12 slices: {name} / ours"]["goal"] for name in ("pydicom", "GDCM")} == {None}
    assert "12 slices: ours / reads alone" not in rows


def test_without_a_folder_series_are_made_and_deleted(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bench, "SLICES", (3, 4))
    monkeypatch.setattr(bench, "SIDE", 32)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert cli.main(["bench", "read", "--rounds", "1", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "3 slices: pydicom / ours" in out
    assert "4 slices: pydicom / ours" in out
    assert list(tmp_path.iterdir()) == []


def test_a_difference_from_pydicom_is_found_out(tmp_path, monkeypatch):
    write_series(tmp_path, HU)
    (series,) = find_series([tmp_path]).series
    assert bench.largest_difference(series) == 0
    right = pixels._to_hu

    def wrong(raw, header, out, **options):
        right(raw, header, out, **options)
        out[3, 4] += 2

    monkeypatch.setattr(pixels, "_to_hu", wrong)
    assert bench.largest_difference(series) == 2
