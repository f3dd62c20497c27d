"""Held-out phantoms: their seeds, the folder they are kept in, and that they come back as they were rendered."""

from dataclasses import replace

import numpy as np
import pytest

from ihd_core.errors import FileError
from ihd_core.labels import SUBTYPES, Label
from ihd_core.phantom.phantom import phantom_scan
from training.data.synthetic import phantom_seed
from training.proving import held_out
from training.proving.held_out import FIRST_SEED, MOST_SCANS, Request, as_bits, on_slice, read, render, requests

SIZE = 48


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Two held-out phantoms and the folder they are in."""
    cache = tmp_path_factory.mktemp("cache")
    return cache, render(cache, requests(2, size=SIZE), processes=1)


@pytest.mark.parametrize("run_seed", [0, 1, 2, 17])
@pytest.mark.parametrize("number", [0, 1, 999_999])
def test_no_training_uses_a_held_out_seed(run_seed, number):
    last = FIRST_SEED + MOST_SCANS - 1
    assert not any(FIRST_SEED <= phantom_seed(run_seed, set_number, number) <= last for set_number in (0, 1))


def test_seeds_follow_each_other_from_500000():
    assert [one.seed for one in requests(4)] == [500_000, 500_001, 500_002, 500_003]


@pytest.mark.parametrize("scans", [-1, 0, 1, MOST_SCANS + 1])
def test_fewer_than_two_or_more_than_are_held_out_are_refused(scans):
    with pytest.raises(FileError, match=f"--scans is {scans}"):
        requests(scans)


def test_a_phantom_comes_back_as_it_was_rendered(rendered):
    for number, file in enumerate(rendered[1]):
        phantom, found = phantom_scan(FIRST_SEED + number, size=SIZE), read(file)
        assert found.seed == FIRST_SEED + number
        assert np.array_equal(found.scan.hu, phantom.scan.hu)
        assert np.array_equal(found.truth, phantom.truth)
        assert found.scan.spacing_mm == phantom.scan.spacing_mm
        assert np.array_equal(found.scan.positions_mm, phantom.scan.positions_mm)
        assert np.array_equal(found.scan.orientation, phantom.scan.orientation)
        assert (found.scan.uid, found.scan.slice_uids) == (phantom.scan.uid, phantom.scan.slice_uids)
        assert found.scan.details.thickness_mm == phantom.scan.details.thickness_mm
        for label in SUBTYPES:
            for index in range(len(phantom.scan)):
                assert np.array_equal(found.mask(label, index), phantom.masks[label][index] > 0)


def test_what_is_there_is_not_rendered_again(rendered):
    cache, files = rendered
    before = [file.stat().st_mtime_ns for file in files]
    assert render(cache, requests(2, size=SIZE), processes=1) == files
    assert [file.stat().st_mtime_ns for file in files] == before


def test_another_renderer_has_a_folder_of_its_own(rendered, monkeypatch):
    cache, files = rendered
    monkeypatch.setattr(held_out, "renderer", lambda: "another")
    again = render(cache, requests(2, size=SIZE), processes=1)
    assert {file.parent.name for file in again} == {"another"}
    assert all(file.exists() for file in files)


def test_a_change_of_any_module_of_the_phantom_is_another_renderer(tmp_path, monkeypatch):
    (tmp_path / "inner").mkdir()
    (tmp_path / "shapes.py").write_text("a = 1\n")
    (tmp_path / "inner" / "bone.py").write_text("b = 1\n")
    monkeypatch.setattr(held_out.ihd_core.phantom, "__path__", [str(tmp_path)])
    before = held_out.renderer()
    (tmp_path / "inner" / "bone.py").write_text("b = 2\n")
    assert held_out.renderer() != before


def test_source_that_changes_while_phantoms_are_rendered_is_refused(tmp_path, monkeypatch):
    names = iter(["before", "after", "after"])
    monkeypatch.setattr(held_out, "renderer", lambda: next(names))
    with pytest.raises(FileError, match="source has changed to after"):
        render(tmp_path, requests(2, size=SIZE), processes=1)
    assert not list((tmp_path / "before").iterdir())


def test_names_tell_size_and_thickness_apart():
    one = Request(500_000)
    others = [replace(one, size=256), replace(one, thickness_mm=0.6), replace(one, seed=500_001)]
    assert len({request.name for request in (one, *others)}) == 4


def test_a_damaged_file_is_refused_by_name(tmp_path):
    file = tmp_path / "500000-512.npz"
    file.write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(FileError, match=r"500000-512\.npz: damaged"):
        read(file)


def test_a_file_of_an_earlier_layout_is_refused_by_name(tmp_path):
    file = tmp_path / "500000-512.npz"
    np.savez(file, seed=np.int64(500_000), hu=np.zeros((2, 4, 4), np.int16))
    with pytest.raises(FileError, match=r"500000-512\.npz: has no bits, faint"):
        read(file)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(FileError, match=r"none\.npz"):
        read(tmp_path / "none.npz")


def test_masks_survive_as_bits():
    rng = np.random.default_rng(0)
    masks = {label: (rng.random((3, 5, 4)) < 0.4).astype(np.uint8) for label in SUBTYPES}
    bits = as_bits(masks)
    for label in SUBTYPES:
        assert np.array_equal(on_slice(bits, label, 1), masks[label][1] > 0)
    assert np.array_equal(on_slice(bits, Label.ANY, 2), np.any([masks[label][2] for label in SUBTYPES], axis=0))
