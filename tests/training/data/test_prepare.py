"""Shards of pictures, against pixels that pydicom reads and arithmetic of its own."""

import os
from collections import namedtuple
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest

from ihd_core.dicom.reader import load_scan
from ihd_core.errors import Cancelled, FileError
from ihd_core.model_input import channels, placement, slabs, slice_input
from ihd_core.phantom.series_writer import write_series
from tests.training.data.indexed_run import indexed_run, slice_table
from training.data.pictures import open_pictures
from training.data.prepare import picture_bytes, prepare

AIR = -1024
X, Y, Z = np.eye(3)


def random_hu(slices=3, rows=64, columns=64, seed=0):
    return np.random.default_rng(seed).integers(-1000, 3000, (slices, rows, columns)).astype(np.int16)


def written(root, name, hu, **how):
    return write_series(root / name, hu, series_uid=f"1.2.{int.from_bytes(name.encode()) % 10**9}", **how)


def prepared(tmp_path, scans, **config):
    run = indexed_run(tmp_path / "run", tmp_path, slice_table(tmp_path, scans), **config)
    prepare(run, processes=1)
    return open_pictures(run)


def by_pydicom(path):
    file = pydicom.dcmread(path)
    return file.pixel_array.astype(np.float64) * float(file.RescaleSlope) + float(file.RescaleIntercept)


def halved(hu):
    rows, columns = hu.shape
    return np.rint(hu.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3)))


def area_weights(before, after):
    """Share of every pixel of a row of `before` in each of `after` larger ones."""
    edges = np.linspace(0, before, after + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(before)
    covered = np.minimum(high, pixel + 1) - np.maximum(low, pixel)
    return np.clip(covered, 0, None) * after / before


def test_a_picture_is_the_mean_of_2_by_2_stored_pixels_in_hu(tmp_path):
    paths = written(tmp_path, "a", random_hu(), intercept=-1024.0, slope=1.0)
    pictures = prepared(tmp_path, {"a": paths})
    assert pictures.side == 32
    for row, path in enumerate(paths):
        np.testing.assert_array_equal(pictures.hu(row), halved(by_pydicom(path)))


@pytest.mark.parametrize(
    ("stored", "orientation"),
    [
        (lambda hu: hu, (X, Y, Z)),
        (lambda hu: hu[:, ::-1], (X, -Y, Z)),
        (lambda hu: hu[:, :, ::-1], (-X, Y, Z)),
        (lambda hu: hu[:, ::-1, ::-1], (-X, -Y, Z)),
        (lambda hu: hu.swapaxes(1, 2), (Y, X, Z)),
        (lambda hu: hu, (X, np.array([0, 0.95, -0.3122499]), np.array([0, 0.3122499, 0.95]))),
    ],
    ids=["straight", "upside down", "mirrored", "turned", "transposed", "tilted"],
)
def test_the_patients_right_is_on_the_left_and_anterior_up_however_a_slice_is_stored(tmp_path, stored, orientation):
    hu = random_hu(slices=4)
    paths = written(tmp_path, "a", np.ascontiguousarray(stored(hu)), orientation=np.stack(orientation))
    pictures = prepared(tmp_path, {"a": paths})
    for row in range(len(hu)):
        np.testing.assert_array_equal(pictures.hu(row), halved(hu[row].astype(np.float64)))


def test_slices_of_any_shape_are_padded_with_air_and_averaged_by_area(tmp_path):
    hu = random_hu(rows=64, columns=83)
    pictures = prepared(tmp_path, {"wide": written(tmp_path, "wide", hu)})
    weights = area_weights(83, 32)
    for row, one in enumerate(hu):
        padded = np.full((83, 83), AIR, np.float64)
        padded[9 : 9 + 64] = one
        np.testing.assert_allclose(pictures.hu(row), weights @ padded @ weights.T, atol=0.51)


def test_pixels_that_are_not_square_are_made_square_first(tmp_path):
    hu = random_hu(rows=64, columns=64)
    pictures = prepared(tmp_path, {"flat": written(tmp_path, "flat", hu, spacing_mm=(5.0, 1.0, 0.5))})
    for row, one in enumerate(hu):
        at = (np.arange(128) + 0.5) / 2 - 0.5
        tall = np.stack([np.interp(at, np.arange(64), one[:, column]) for column in range(64)], axis=1)
        padded = np.full((128, 128), AIR, np.float64)
        padded[:, 32:96] = tall
        np.testing.assert_allclose(pictures.hu(row), padded.reshape(32, 4, 32, 4).mean(axis=(1, 3)), atol=0.51)


def test_values_that_wrapped_at_12_bits_are_repaired(tmp_path):
    hu = random_hu()
    paths = written(tmp_path, "a", (hu % 4096).astype(np.int16), intercept=0.0, bits_stored=12)
    assert by_pydicom(paths[0]).max() > 3095, "the files hold the fault"
    pictures = prepared(tmp_path, {"a": paths})
    np.testing.assert_array_equal(pictures.hu(1), halved(hu[1].astype(np.float64)))


def test_scans_of_several_sizes_lie_in_one_table_in_its_order(tmp_path):
    scans = {
        "b": written(tmp_path, "b", random_hu(3, 64, 64, seed=1)),
        "a": written(tmp_path, "a", random_hu(2, 128, 128, seed=2)),
        "c": written(tmp_path, "c", random_hu(4, 64, 64, seed=3)),
    }
    pictures = prepared(tmp_path, scans, shard_slices=4)
    assert pictures.table.scans.tolist() == ["b"] * 3 + ["a"] * 2 + ["c"] * 4
    files = [path for paths in scans.values() for path in paths]
    assert pictures.table.files.tolist() == [path.relative_to(tmp_path).as_posix() for path in files]
    for row in (0, 2, 5, 8):
        np.testing.assert_array_equal(pictures.hu(row), halved(by_pydicom(files[row])))
    assert len(list((tmp_path / "run" / "slices").glob("[0-9]*.npy"))) == 4, "two shards: pictures and what is known"


def test_thin_slices_are_averaged_as_the_program_averages_them(tmp_path):
    """1 mm from slice to slice and a gap of 4 mm after the eighth: nothing is averaged across it."""
    hu = random_hu(15)
    positions = np.zeros((15, 3))
    positions[:, 2] = [*range(8), *range(12, 19)]
    paths = written(tmp_path, "thin", hu, spacing_mm=(1.0, 0.5, 0.5), positions_mm=positions)
    thick = written(tmp_path, "thick", random_hu(2, seed=3))
    truth = np.zeros((17, 6), np.int8)
    truth[2, [4, 5]] = 1
    truth[9, [0, 5]] = -1
    table = slice_table(tmp_path, {"thin": paths, "thick": thick}, truth)
    run = indexed_run(tmp_path / "run", tmp_path, table)
    prepare(run, processes=1)
    pictures = open_pictures(run)
    groups = [range(4), range(4, 8), range(8, 15)]
    assert len(pictures) == len(groups) + 2
    for row, group in enumerate(groups):
        mean = np.mean([by_pydicom(paths[i]) for i in group], axis=0)
        np.testing.assert_allclose(pictures.hu(row), halved(mean), atol=1)  # what lies halfway rounds either way
    assert pictures.table.ids.tolist() == ["thin-003", "thin-007", "thin-012", "thick-001", "thick-002"]
    assert pictures.table.truth[:3].tolist() == [[0, 0, 0, 0, 1, 1], [0] * 6, [-1, 0, 0, 0, 0, -1]]
    assert pictures.averaged()["thin-005"] == "thin-007"
    assert len(pictures.averaged()) == 12
    scan = load_scan(paths)
    place = placement(scan, 32)
    for row, slab in enumerate(slabs(scan)):
        seen = slice_input(scan, slab, place, "hu").channels
        np.testing.assert_array_equal(channels(pictures.hu(row)), seen)


def test_masks_of_averaged_slices_are_united_and_known_where_all_are(tmp_path):
    paths = written(tmp_path, "a", random_hu(10), spacing_mm=(1.0, 0.5, 0.5))
    truth = np.zeros((10, 6), np.int8)
    truth[[0, 1, 5, 6], 4:] = 1
    (tmp_path / "masks").mkdir()
    for index, corner in ((0, 0), (1, 32), (5, 0)):  # the seventh slice has a label and no mask
        mask = np.zeros((64, 64), np.uint8)
        mask[corner : corner + 32, corner : corner + 32] = 1 << 4
        cv2.imwrite(str(tmp_path / "masks" / f"a-{index + 1:03d}.png"), mask)
    table = slice_table(tmp_path, {"a": paths}, truth)
    run = indexed_run(tmp_path / "run", tmp_path, table, masks=tmp_path / "masks")
    prepare(run, processes=1)
    pictures = open_pictures(run)
    assert pictures.known_cells().tolist() == [True, False]
    np.testing.assert_array_equal(pictures.cells(0)[4], [[255, 0], [0, 255]])


def test_a_slice_of_a_thin_scan_that_cannot_be_read_is_left_out_of_its_average(tmp_path):
    paths = written(tmp_path, "a", random_hu(10), spacing_mm=(1.0, 0.5, 0.5))
    paths[7].write_bytes(paths[7].read_bytes()[:-1000])
    run = indexed_run(tmp_path / "run", tmp_path, slice_table(tmp_path, {"a": paths}))
    prepare(run, processes=1)
    pictures = open_pictures(run)
    shown = {*pictures.table.ids.tolist(), *pictures.averaged()}
    assert "a-008" not in shown
    assert len(shown) == 9
    assert "1 of 10 slices left out" in (run.path / "log.txt").read_text()


def test_a_file_that_was_truncated_is_named_and_left_out_and_the_others_stay_as_they_are(tmp_path):
    hu = random_hu(5)
    paths = written(tmp_path, "a", hu)
    paths[2].write_bytes(paths[2].read_bytes()[:-1000])
    pictures = prepared(tmp_path, {"a": paths})
    assert pictures.table.files.tolist() == [f"a/00{number}.dcm" for number in (1, 2, 4, 5)]
    for row, index in enumerate((0, 1, 3, 4)):
        np.testing.assert_array_equal(pictures.hu(row), halved(hu[index].astype(np.float64)))
    problems = (tmp_path / "run" / "slices" / "problems.csv").read_text().splitlines()
    assert len(problems) == 2
    assert problems[1].startswith("a-003,a/003.dcm,slice,")
    assert "bytes of pixel data" in problems[1]
    assert "1 of 5 slices left out" in (tmp_path / "run" / "log.txt").read_text()


def test_files_that_are_gone_or_no_images_are_left_out_too(tmp_path):
    paths = written(tmp_path, "a", random_hu(4))
    paths[0].unlink()
    paths[3].write_bytes(b"not an image")
    pictures = prepared(tmp_path, {"a": paths})
    assert pictures.table.files.tolist() == ["a/002.dcm", "a/003.dcm"]


def test_a_slice_is_not_taken_from_a_copy_of_its_file(tmp_path):
    hu = random_hu(3)
    paths = written(tmp_path, "a", hu)
    copy = tmp_path / "a" / "copy.dcm"
    copy.write_bytes(paths[1].read_bytes())
    paths[1].write_bytes(paths[1].read_bytes()[:-1000])
    pictures = prepared(tmp_path, {"a": [*paths, copy]})
    assert "a/002.dcm" not in pictures.table.files.tolist()


def test_a_damaged_file_is_refused_where_the_option_says_so(tmp_path):
    paths = written(tmp_path, "a", random_hu(5))
    paths[2].write_bytes(paths[2].read_bytes()[:-1000])
    run = indexed_run(tmp_path / "run", tmp_path, slice_table(tmp_path, {"a": paths}))
    with pytest.raises(FileError, match=r"a/003\.dcm.*no damaged slice is allowed"):
        prepare(run, damaged="refuse", processes=1)
    assert not run.is_done("slices")
    prepare(run, processes=1)
    assert len(open_pictures(run)) == 4
    with pytest.raises(FileError, match="names 1 damaged"):
        prepare(run, damaged="refuse", processes=1)


def test_where_nothing_can_be_read_the_stage_refuses(tmp_path):
    paths = written(tmp_path, "a", random_hu(2))
    for path in paths:
        path.write_bytes(b"")
    run = indexed_run(tmp_path / "run", tmp_path, slice_table(tmp_path, {"a": paths}))
    with pytest.raises(FileError, match="none of 2 slices"):
        prepare(run, processes=1)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "done.json"}


def five_scans(tmp_path):
    scans = {name: written(tmp_path, name, random_hu(3, seed=ord(name))) for name in "abcde"}
    scans["b"][1].write_bytes(scans["b"][1].read_bytes()[:-1000])
    return slice_table(tmp_path, scans)


def test_a_run_that_was_stopped_goes_on_where_it_was_and_ends_in_the_same_files(tmp_path):
    table = five_scans(tmp_path)
    whole = indexed_run(tmp_path / "whole", tmp_path, table, shard_slices=3)
    prepare(whole, processes=1)
    run = indexed_run(tmp_path / "run", tmp_path, table, shard_slices=3)

    def stop(done, _total):
        if done >= 9:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        prepare(run, processes=1, report=stop)
    folder = run.path / "slices"
    assert (folder / "0001.npy").exists()
    assert not (folder / "0002.npy").exists()
    (folder / ".0002.npy.tmp").write_bytes(b"what a killed run leaves")
    before = (folder / "0001.npy").stat().st_mtime_ns
    seen = []
    prepare(run, processes=1, report=lambda done, total: seen.append((done, total)))
    assert seen[0] == (6, 15)
    assert seen[-1] == (15, 15)
    assert (folder / "0001.npy").stat().st_mtime_ns == before
    assert contents(folder) == contents(whole.path / "slices")


def test_several_processes_make_the_same_files_as_one(tmp_path):
    table = five_scans(tmp_path)
    runs = [indexed_run(tmp_path / f"run{count}", tmp_path, table, shard_slices=3) for count in (1, 2)]
    for count, run in enumerate(runs, start=1):
        prepare(run, processes=count)
    assert contents(runs[0].path / "slices") == contents(runs[1].path / "slices")


def test_a_finished_stage_does_nothing(tmp_path):
    run = indexed_run(tmp_path / "run", tmp_path, five_scans(tmp_path))
    prepare(run, processes=1)
    before = {path: path.stat().st_mtime_ns for path in (run.path / "slices").iterdir()}
    prepare(run, processes=1)
    assert {path: path.stat().st_mtime_ns for path in (run.path / "slices").iterdir()} == before


def test_the_whole_of_rsna_2019_at_256_takes_about_114_gb():
    assert picture_bytes(874_035, 256) == 874_035 * 131_072
    assert f"{picture_bytes(874_035, 256) / 1e9:.1f}" == "114.6"


def test_what_the_disk_has_no_room_for_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    run = indexed_run(tmp_path / "run", tmp_path, five_scans(tmp_path))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(1 << 40, 1 << 40, 15 * 2048 - 1))
    with pytest.raises(FileError, match=r"30\.7 kB are to be written, only 30\.7 kB are free"):
        prepare(run, processes=1)
    assert not list((run.path / "slices").glob("*.npy"))
    assert "15 slices of 32 x 32 in HU take at most 30.7 kB" in (run.path / "log.txt").read_text()


def test_a_side_that_cells_do_not_fill_is_refused(tmp_path):
    run = indexed_run(tmp_path / "run", tmp_path, five_scans(tmp_path), side=40)
    with pytest.raises(FileError, match=r"prepare\.side is 40, it must be a multiple of 16"):
        prepare(run, processes=1)


def test_a_real_tilted_scan_is_prepared_as_pydicom_reads_it(tmp_path, shared_data):
    paths = sorted((shared_data / "head_ct" / "ge_hispeed_tilt").glob("*.dcm"))
    run = indexed_run(tmp_path / "run", shared_data, slice_table(shared_data, {"tilted": paths}), side=256)
    prepare(run, processes=1)
    pictures = open_pictures(run)
    assert len(pictures) == 28
    for row, path in enumerate(paths):
        hu = by_pydicom(path)
        hu[hu <= -1500] = AIR  # padding that the files announce
        np.testing.assert_array_equal(pictures.hu(row), halved(hu))


def test_images_that_are_gone_as_a_whole_are_refused_and_prepared_once_they_are_back(tmp_path):
    """As a disk that is not mounted: every slice would be left out, for good."""
    root = tmp_path / "disk"
    paths = written(root, "a", random_hu())
    run = indexed_run(tmp_path / "run", root, slice_table(root, {"a": paths}), side=32)
    root.rename(tmp_path / "unmounted")
    with pytest.raises(FileError, match="disk: does not exist"):
        prepare(run, processes=1)
    root.mkdir()
    with pytest.raises(FileError, match="none of 3 slices can be read"):
        prepare(run, processes=1)
    root.rmdir()
    (tmp_path / "unmounted").rename(root)
    prepare(run, processes=1)
    assert len(open_pictures(run)) == 3


def test_a_disk_that_goes_away_while_it_is_read_stops_the_stage(tmp_path):
    root = tmp_path / "disk"
    paths = {name: written(root, name, random_hu(seed=ord(name))) for name in "abc"}
    run = indexed_run(tmp_path / "run", root, slice_table(root, paths), side=32, shard_slices=1)

    def unmounted(done, total):
        if done == 3 and root.exists():
            root.rename(tmp_path / "unmounted")

    with pytest.raises(FileError, match="disk: does not exist"):
        prepare(run, processes=1, report=unmounted)
    (tmp_path / "unmounted").rename(root)
    prepare(run, processes=1)
    assert len(open_pictures(run)) == 9


def test_masks_that_are_gone_since_the_index_are_refused(tmp_path):
    paths = written(tmp_path, "a", random_hu())
    (tmp_path / "masks").mkdir()
    run = indexed_run(tmp_path / "run", tmp_path, slice_table(tmp_path, {"a": paths}), masks=tmp_path / "masks")
    (tmp_path / "masks").rmdir()
    with pytest.raises(FileError, match="masks: does not exist"):
        prepare(run, processes=1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
def test_a_shard_that_filled_the_disk_is_not_left_there(tmp_path):
    paths = written(tmp_path, "a", random_hu())
    run = indexed_run(tmp_path / "run", tmp_path, slice_table(tmp_path, {"a": paths}), side=32)
    unfinished = run.begin("slices") / f".0000.npy.{os.getpid()}.tmp"

    def full(done, total):
        unfinished.unlink(missing_ok=True)
        unfinished.symlink_to("/dev/full")

    with pytest.raises(FileError, match=r"0000\.npy: cannot be written \(No space left"):
        prepare(run, processes=1, report=full)
    assert not unfinished.is_symlink()
