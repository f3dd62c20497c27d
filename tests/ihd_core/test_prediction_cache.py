"""Predictions kept by the hash of pixels and model."""

from __future__ import annotations

import os
import random
from dataclasses import replace

import numpy as np
import pytest

from ihd_core.engines.engine import engine_for
from ihd_core.errors import FileError
from ihd_core.predict import finish, predict, prediction_steps
from ihd_core.prediction_cache import PredictionCache, cache_key, predict_with
from tests.ihd_core.toy import toy_info, toy_model, toy_scan

SOAK = bool(os.environ.get("IHD_SOAK"))
ARRAYS = ("cnn_slices", "slices", "cnn_scan", "scan", "evidence", "slab_of_slice")


class Counting:
    """The model's own CNNs, counted."""

    name = "torch fp32"

    def __init__(self, model):
        self.model, self.asked = model, 0

    def read(self, number, x):
        self.asked += len(x)
        return self.model.members[number].cnn(x)


@pytest.fixture(scope="module")
def model():
    return toy_model()


@pytest.fixture(scope="module")
def scan():
    return toy_scan(5)


@pytest.fixture
def cache(tmp_path):
    return PredictionCache(tmp_path / "predictions")


def entry(cache):
    (path,) = cache.folder.iterdir()
    return path


def same(found, expected):
    return all(np.array_equal(getattr(found, name), getattr(expected, name)) for name in ARRAYS)


def test_what_was_read_once_is_not_read_again_and_is_the_same_to_the_last_bit(cache, model, scan):
    engine = Counting(model)
    first = predict_with(cache, scan, model, engine)
    assert engine.asked == len(scan)
    again = predict_with(cache, scan, model, engine)
    assert engine.asked == len(scan)
    assert same(first, predict(scan, model))
    assert same(again, first)
    for slab in range(len(scan)):
        assert np.array_equal(again.result.of_slab(slab), first.result.of_slab(slab))


def test_thin_slices_that_were_read_together_come_back_together(cache, model):
    thin = toy_scan(9, spacing_mm=(1.25, 3.5, 3.5))
    first = predict_with(cache, thin, model, Counting(model))
    again = predict_with(cache, thin, model, Counting(model))
    assert same(again, first)
    assert len(set(first.slab_of_slice)) < len(thin)


def test_warnings_are_those_of_the_scan_at_hand_not_of_the_one_that_was_kept(cache, model, scan):
    predict_with(cache, scan, model, Counting(model))
    warned = replace(scan, warnings=(*scan.warnings, *toy_scan(5).warnings), uid="1.2.3.4.5")
    assert predict_with(cache, warned, model, Counting(model)).warnings == predict(warned, model).warnings


@pytest.mark.parametrize(
    "changed",
    [
        lambda scan: replace(scan, hu=np.where(np.arange(scan.hu.size).reshape(scan.hu.shape) == 77, 999, scan.hu)),
        lambda scan: replace(scan, spacing_mm=(scan.spacing_mm[0], *np.add(scan.spacing_mm[1:], 1e-9))),
        lambda scan: replace(scan, orientation=-np.array(scan.orientation)),
        lambda scan: replace(scan, positions_mm=np.array(scan.positions_mm) * 2),
    ],
    ids=["pixel", "spacing", "orientation", "positions"],
)
def test_any_difference_that_the_model_may_see_makes_another_entry(scan, changed):
    assert cache_key(changed(scan), toy_info(), "e") != cache_key(scan, toy_info(), "e")


def test_another_model_or_engine_makes_another_entry_and_a_name_none(scan):
    key = cache_key(scan, toy_info(), "e")
    assert cache_key(scan, toy_info(), "f") != key
    assert cache_key(scan, replace(toy_info(), sha256="f" * 64), "e") != key
    named = replace(scan, uid="9.9", details=replace(scan.details, patient_name="Doe", patient_id="P9"))
    assert cache_key(named, toy_info(), "e") == key


def test_nothing_about_the_patient_is_kept(cache, model, scan):
    named = replace(scan, uid="1.2.826.77", details=replace(scan.details, patient_name="Doe^Jo", patient_id="P77"))
    predict_with(cache, named, model, Counting(model))
    content = entry(cache).read_bytes()
    assert not any(word in content for word in (b"Doe", b"P77", b"1.2.826.77", scan.slice_uids[0].encode()))


def test_an_entry_with_any_bit_changed_is_dropped_and_never_shown(cache, model, scan):
    engine = Counting(model)
    predict_with(cache, scan, model, engine)
    path = entry(cache)
    whole, key = path.read_bytes(), path.stem
    rolls = random.Random(7)
    places = rolls.sample(range(len(whole)), 3000 if SOAK else 60)
    for place in (0, len(whole) - 1, *places):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rolls.randrange(8)
        path.write_bytes(damaged)
        assert cache.read(key) is None
        assert not path.exists()


@pytest.mark.parametrize("length", [0, 1, 17, 18, 49, 50, 51, -1])
def test_a_torn_entry_is_dropped(cache, model, scan, length):
    predict_with(cache, scan, model, Counting(model))
    path = entry(cache)
    path.write_bytes(path.read_bytes()[:length])
    assert cache.read(path.stem) is None
    assert not path.exists()


def test_objects_are_not_unpacked(cache, tmp_path):
    import hashlib
    import io

    file = io.BytesIO()
    np.savez(file, stops=np.array([{"a": 1}], object))
    content = file.getvalue()
    cache.folder.mkdir()
    forged = b"ihd prediction 1\n" + hashlib.sha256(content).digest() + content
    (cache.folder / ("a" * 64 + ".prediction")).write_bytes(forged)
    assert cache.read("a" * 64) is None


def test_the_entries_not_used_for_longest_go_first(tmp_path, model):
    scans = [replace(toy_scan(3), hu=np.full_like(toy_scan(3).hu, value)) for value in (0, 10, 20, 30)]
    keys = [cache_key(scan, model.info, "torch fp32") for scan in scans]
    cache = PredictionCache(tmp_path)
    predict_with(cache, scans[0], model, Counting(model))
    size = entry(cache).stat().st_size
    cache = PredictionCache(tmp_path, limit_bytes=3 * size)
    for number, scan in enumerate(scans[1:3], start=1):
        predict_with(cache, scan, model, Counting(model))
        os.utime(tmp_path / f"{keys[number]}.prediction", (number, number))
    os.utime(tmp_path / f"{keys[0]}.prediction", (0, 0))
    assert cache.read(keys[0]) is not None  # and so it was used last
    predict_with(cache, scans[3], model, Counting(model))
    assert [cache.read(key) is not None for key in keys] == [True, False, True, True]
    assert cache.size() == (3, pytest.approx(3 * size, abs=200))
    assert cache.clear()[0] == 3
    assert cache.size() == (0, 0)


def test_a_folder_that_cannot_be_written_is_named(tmp_path, model, scan):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(FileError, match="file"):
        predict_with(PredictionCache(tmp_path / "file" / "predictions"), scan, model, Counting(model))


def test_a_kill_while_writing_leaves_no_entry(cache, model, scan, monkeypatch):
    def killed(_self, _target):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        predict_with(cache, scan, model, Counting(model))
    assert cache.size() == (0, 0)


def test_what_two_engines_read_together_is_not_kept(cache, model, scan):
    class Failing(Counting):
        name = "first"

        def read(self, number, x):
            output = super().read(number, x)
            if self.asked == 3:
                self.name = "second"
            return output

    prediction = predict_with(cache, scan, model, Failing(model))
    assert prediction.engine == "first, second"
    assert cache.size() == (0, 0)


def test_order_of_slabs_does_not_matter(cache, model, scan):
    results = list(prediction_steps(scan, model, from_slice=3))
    cache.write("b" * 64, results)
    assert same(finish(scan, model, cache.read("b" * 64)), predict(scan, model))


def test_an_engine_of_ours_can_be_given(cache, model, scan):
    engine = engine_for(model, "torch fp32")
    assert same(predict_with(cache, scan, model, engine), predict(scan, model))
