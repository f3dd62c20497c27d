"""What a scanner adds to a head."""

from __future__ import annotations

import numpy as np
import pytest

from ihd_core.phantom.scanner import HOLDERS, Scanner, expose, furniture, take


def scanner(**changes: float) -> Scanner:
    quiet = {
        "rim": 0.0, "cupping": 0.0, "uneven": 0.0, "streaks": 0.0, "blur_mm": 0.05, "noise_hu": 0.0, "noise_mm": 0.5,
        "scale": 1.0, "offset": 0.0, "holder": 0.0, "circle": 0.0,
    }  # fmt: skip
    return Scanner(**(quiet | changes))


def ring() -> np.ndarray:
    """Brain of 30 HU in a ring of bone 7 mm thick, 1 mm a pixel."""
    row, column = np.mgrid[-100:100, -100:100] + 0.5
    radius = np.hypot(row, column)
    return np.where(radius < 70, 30, np.where(radius < 77, 1200, -1000)).astype(np.float32)


def shown(hu: np.ndarray, seed: int = 1, side: int = 200, **changes: float) -> np.ndarray:
    exposure = expose(scanner(**changes), hu, 1.0, side, np.random.default_rng(seed))
    return take(exposure, hu)


def test_beam_hardening_brightens_brain_beside_bone_and_fades_inwards():
    middle = shown(ring(), rim=55.0)[100]
    beside, nearer, deep = (float(middle[100 + radius]) for radius in (67, 63, 20))
    assert 8 < beside - deep < 45
    assert 2 < nearer - deep < beside - deep
    assert abs(deep - 30) < 8


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


def test_noise_of_a_large_grain_has_less_power_at_high_frequencies():
    flat = np.full((128, 128), 30, np.float32)
    shares = []
    for grain in (0.3, 0.9):
        exposure = expose(scanner(noise_hu=5.0, noise_mm=grain), flat, 0.5, 128, np.random.default_rng(2))
        power = np.abs(np.fft.fft2(take(exposure, flat) - 30.0)) ** 2
        frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(128, 0.5), np.fft.fftfreq(128, 0.5)))
        shares.append(power[frequency > 0.5].sum() / power[frequency > 0.02].sum())
    assert shares[1] < 0.5 * shares[0]


@pytest.mark.parametrize("shape", HOLDERS)
def test_the_holder_lies_in_air_alone(shape):
    head = ring()
    held = furniture(scanner(holder=95.0, shape=shape), head, 200.0)
    assert (held > head).sum() > 40
    assert np.array_equal(held[head > -900], head[head > -900])
