"""What a scanner adds to a head."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from ihd_core.phantom.drift import Drift
from ihd_core.phantom.furniture import furniture
from ihd_core.phantom.scanner import (
    FAR_MM,
    GLOW_MM,
    HOLDERS,
    RIM_MM,
    USUAL_FAR,
    Scanner,
    draw_scanner,
    expose,
    shown_change,
    take,
)


def scanner(**changes: float) -> Scanner:
    quiet = {
        "rim": 0.0, "cupping": 0.0, "uneven": 0.0, "streaks": 0.0, "blur_mm": 0.05, "noise_hu": 0.0, "noise_mm": 0.5,
        "scale": 1.0, "offset": 0.0, "holder": 0.0, "circle": 0.0,
    }  # fmt: skip
    return Scanner(**(quiet | changes))


def ring(radius_mm: float = 70, bone_mm: float = 7) -> np.ndarray:
    """Brain of 30 HU in a ring of bone of 1000 HU, 1 mm a pixel."""
    row, column = np.mgrid[-100:100, -100:100] + 0.5
    radius = np.hypot(row, column)
    return np.where(radius < radius_mm, 30, np.where(radius < radius_mm + bone_mm, 1000, -1000)).astype(np.float32)


def added(hu: np.ndarray, *, height_mm: float = 0.0, seed: int = 1, **changes: float) -> np.ndarray:
    return expose(scanner(**changes), hu, 1.0, len(hu), np.random.default_rng(seed), height_mm=height_mm).added


def shown(hu: np.ndarray, seed: int = 1, side: int = 200, **changes: float) -> np.ndarray:
    exposure = expose(scanner(**changes), hu, 1.0, side, np.random.default_rng(seed))
    return take(exposure, hu)


@pytest.mark.parametrize(("name", "sigma"), [("rim", RIM_MM), ("glow", GLOW_MM)])
def test_bone_brightens_brain_as_the_normal_distribution_falls_off(name, sigma):
    half = np.full((200, 200), 30, np.float32)
    half[:, 100:] = 1000
    measured = added(half, **{name: 80.0})[100]
    for column in (97, 94, 88):
        expected = 80 * NormalDist().cdf((column + 0.5 - 100) / sigma)
        assert measured[column] == pytest.approx(expected, abs=1.2)


@pytest.mark.parametrize(("radius", "thick"), [(70, 7), (35, 12), (20, 20)])
def test_the_middle_brightens_as_bone_closes_around_it(radius, thick):
    share = np.exp(-0.5 * (radius / FAR_MM) ** 2) - np.exp(-0.5 * ((radius + thick) / FAR_MM) ** 2)
    measured = added(ring(radius, thick), cupping=150.0)[98:102, 98:102].mean()
    assert measured == pytest.approx(150 * (share - USUAL_FAR), abs=2.5)


def test_neighbouring_slices_look_alike_and_distant_ones_do_not():
    numbers = {"rim": 60.0, "glow": 40.0, "uneven": 0.5}
    here, near, far = (added(ring(), height_mm=z, seed=int(z), **numbers) for z in (10.0, 12.0, 70.0))
    inside = ring() == 30
    assert np.abs(here - near)[inside].mean() < 0.25 * np.abs(here - far)[inside].mean()


def test_drift_is_smooth_in_the_height_and_has_deviation_one():
    numbers = np.array([Drift(seed).numbers(z) for seed in range(40) for z in (-30.0, 40.0)])
    assert numbers.std() == pytest.approx(1, abs=0.1)
    line = np.array([Drift(3).numbers(z) for z in np.arange(-50.0, 90.0)])
    assert np.abs(np.diff(line, axis=0)).max() < 0.25
    assert np.ptp(line, axis=0).min() > 0.5


def test_noise_has_the_deviation_it_was_given():
    flat = np.full((128, 128), 30, np.float32)
    quiet, loud = (shown(flat, side=128, noise_hu=sigma)[20:-20, 20:-20].std() for sigma in (2.0, 6.0))
    assert 2.4 < loud / quiet < 3.6


def test_a_finer_picture_shows_the_same_head():
    coarse, fine = shown(ring(), side=200), shown(ring(), side=400)
    assert fine.shape == (400, 400)
    assert abs(int(fine[200, 200]) - int(coarse[100, 100])) < 4


def test_values_fit_in_a_ct_file():
    hu = shown(ring() * 4, noise_hu=30.0)
    assert hu.dtype == np.int16
    assert hu.min() >= -1024
    assert hu.max() <= 3071


def test_nothing_is_reconstructed_outside_the_circle():
    hu = shown(ring(), circle=1.0)
    assert hu[0, 0] == hu[199, 199] == -1024
    assert hu[100, 1] == -1000


def test_the_padding_outside_the_circle_is_the_vendors():
    hu = shown(ring(), circle=1.0, padding=-3024)
    assert hu[0, 0] == -3024
    assert hu[100, 1] == -1000


def test_thin_slices_are_noisier():
    flat = np.full((128, 128), 30, np.float32)
    thick, thin = (
        take(expose(scanner(noise_hu=3.0), flat, 1.0, 128, np.random.default_rng(1), thickness_mm=mm), flat).std()
        for mm in (5.0, 1.25)
    )
    assert 1.4 < thin / thick < 2.2


def test_brain_amid_much_bone_is_noisier():
    open_, closed = (
        shown(ring(radius, thick), noise_hu=6.0)[90:110, 90:110].std() for radius, thick in ((80, 6), (25, 30))
    )
    assert closed > 1.4 * open_


def spectrum(**changes: float) -> np.ndarray:
    """Mean power by frequency: from 0.1 cycles/mm in steps of 0.2, of 0.45 mm pixels."""
    flat = np.full((256, 256), 30, np.float32)
    exposure = expose(scanner(noise_hu=12.0, **changes), flat, 0.45, 256, np.random.default_rng(2))
    power = np.abs(np.fft.fft2(take(exposure, flat) - 30.0)) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256, 0.45), np.fft.fftfreq(256, 0.45)))
    return np.array([power[np.abs(frequency - middle) < 0.05].mean() for middle in (0.1, 0.3, 0.5, 0.7, 0.9)])


def test_the_noise_of_a_soft_kernel_falls_as_its_grain_says():
    power = spectrum(noise_mm=0.4)
    grain = np.hypot(0.4, 0.45 / np.sqrt(12))
    expected = np.exp(-4 * np.pi**2 * grain**2 * (0.3**2 - 0.1**2))
    assert power[1] / power[0] == pytest.approx(expected, rel=0.3)
    assert (np.diff(power) < 0).all()


def test_the_noise_of_a_sharp_kernel_rises_and_is_cut():
    power = spectrum(noise_mm=0.3, hollow=0.95)
    assert power[1] > 4 * power[0]
    assert power[1:4].max() > 3 * power[4]


def test_a_coarse_pixel_shows_the_mean_of_fine_ones():
    flat = np.full((256, 256), 30, np.float32)
    fine, coarse = (
        take(expose(scanner(noise_hu=8.0, noise_mm=0.4), flat, 0.45, side, np.random.default_rng(2)), flat) - 30.0
        for side in (256, 128)
    )
    mean = fine.reshape(128, 2, 128, 2).mean(axis=(1, 3))
    assert coarse.std() == pytest.approx(mean.std(), rel=0.08)


def test_a_head_that_moves_is_seen_twice_with_streaks_in_between():
    seed = next(seed for seed in range(500) if Drift(seed).numbers(0)[5] > 1 and abs(Drift(seed).numbers(0)[6]) > 2)
    row, column = np.mgrid[-100:100, -100:100] + 0.5
    hu = np.where(np.hypot(row, column) < 1.5, 1200, 30).astype(np.float32)
    still, moved = (
        expose(scanner(moving=share, seed=seed), hu, 1.0, 200, np.random.default_rng(1)) for share in (0.0, 0.5)
    )
    assert still.moved is None
    once, twice = (take(one, hu).astype(float) - 30 for one in (still, moved))
    assert (twice > 400).sum() == pytest.approx(2 * (once > 400).sum(), abs=4)
    away = np.hypot(row, column) > 10
    assert np.abs(once[away]).max() < 1
    assert np.abs(twice[away]).max() > 2.5


def test_a_change_shows_as_two_pictures_with_and_without_it():
    hu = ring()
    row, column = np.mgrid[-100:100, -100:100] + 0.5
    lesion = np.where(np.hypot(row - 20, column + 15) < 9, 35, 0).astype(np.float32)
    numbers = {"rim": 60.0, "cupping": 80.0, "blur_mm": 0.6, "noise_hu": 4.0, "scale": 0.95, "overshoot": 0.8}
    for moving in (0.0, 0.999):
        exposure = expose(scanner(moving=moving, **numbers), hu, 1.0, 200, np.random.default_rng(3))
        brute = take(exposure, hu + lesion).astype(float) - take(exposure, hu)
        assert np.abs(brute - shown_change(exposure, lesion)).max() <= 1.01
        assert brute.max() > 15


def test_rings_lie_about_the_middle_and_go_on_in_the_next_slice():
    flat = np.full((200, 200), 30, np.float32)
    one, other = (added(flat, height_mm=z, seed=int(z), ring=4.0) for z in (0.0, 30.0))
    assert np.array_equal(one, other)
    assert np.ptp(one[100]) > 1
    assert np.allclose(one, one[::-1])
    assert np.allclose(one, one.T)


def test_equal_generators_draw_equal_scanners_and_exposures():
    drawn = [draw_scanner(np.random.default_rng(4)) for _ in range(2)]
    assert drawn[0] == drawn[1] != draw_scanner(np.random.default_rng(5))
    pictures = [take(expose(one, ring(), 1.0, 200, np.random.default_rng(6)), ring()) for one in drawn]
    assert np.array_equal(*pictures)


@pytest.mark.parametrize("shape", HOLDERS)
def test_the_holder_lies_in_air_alone(shape):
    head = ring()
    held = furniture(scanner(holder=95.0, shape=shape), head, 200.0)
    assert (held > head).sum() > 40
    assert np.array_equal(held[head > -900], head[head > -900])
