from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ihd_core.dicom.reader import load_scan
from ihd_core.phantom.phantom import phantom_scan
from ihd_core.scan import Scan, ScanDetails, ScanWarning
from ihd_core.scan_checks import RULES, examined, scan_warnings
from tests.ihd_core.round_head import areas_cm2, round_head
from tests.ihd_core.toy import toy_scan

COARSE = (5.0, 2.4, 2.4)


def codes(scan):
    return [warning.code for warning in scan_warnings(scan)]


def warning(scan, code):
    (only,) = (one for one in scan_warnings(scan) if one.code == code)
    return only


def told(orientation=None, spacing_mm=(5.0, 0.5, 0.5), heights_mm=(0.0,), **details):
    """A scan whose pixels are not judged (sagittal), to look at what its files say."""
    axes = np.eye(3)[[1, 2, 0]] if orientation is None else orientation
    positions = np.outer(heights_mm, axes[2])
    hu = np.zeros((len(heights_mm), 2, 2), np.int16)
    uids = tuple(str(index) for index in range(len(hu)))
    return Scan(hu, spacing_mm, axes, positions, "1", uids, details=ScanDetails(**{"patient_age": "050Y", **details}))


def test_a_whole_head_of_an_adult_has_nothing_to_warn_of():
    assert codes(round_head()) == []


def test_a_phantom_has_only_its_age_unknown():
    assert codes(phantom_scan(3, size=128).scan) == ["age-unknown"]


def test_a_real_head_has_thick_slices_and_no_age(shared_data):
    found = scan_warnings(load_scan(shared_data / "head_ct" / "ge_hispeed_tilt"))
    mine = [one.code for one in found if one.code in {rule.code for rule in RULES}]
    assert mine == ["age-unknown", "thick-slices"]


@pytest.mark.parametrize(
    "path",
    [
        "transfer_syntaxes/CTImage.dcm",
        "head_ct/philips_ingenuity_phantom/S21570/S2010",
        "head_ct/philips_ingenuity_phantom/S21610/S2010",
    ],
)
def test_a_chest_and_a_skull_full_of_air_are_no_heads(shared_data, path):
    assert codes(load_scan(shared_data / path))[0] == "not-a-head"


def trunk(hu, x, y, z):
    """A belly as large as a trunk, with a spine and a pelvis that closes a ring around as much as a brain."""
    body = (x / 180) ** 2 + (y / 115) ** 2 + 0 * z
    ring = (x / 80) ** 2 + (y / 70) ** 2 + 0 * z
    hu = np.where(body < 1, 40, -1000)
    return np.where((ring < 1) & (ring > 0.8), 900, hu)


def limb(hu, x, y, z):
    """Marrow enclosed by bone."""
    radius = np.hypot(x, y) + 0 * z
    hu = np.where(radius < 60, 50, -1000)
    return np.where((radius < 18) & (radius > 12), 1200, hu)


def nothing(hu, x, y, z):
    return np.full_like(hu, -1024)


@pytest.mark.parametrize("change", [trunk, limb, nothing], ids=lambda change: change.__name__)
def test_what_is_no_head_is_said_not_to_look_like_one(change):
    scan = round_head(spacing_mm=COARSE, width_mm=400, change=change)
    assert codes(scan) == ["not-a-head"]


def test_slices_that_are_not_axial_are_not_judged_by_their_pixels():
    scan = round_head(spacing_mm=COARSE)
    for axes in (np.eye(3)[[0, 2, 1]], np.eye(3)[[1, 2, 0]], np.full((3, 3), np.nan)):
        assert codes(replace(scan, orientation=axes, hu=np.zeros_like(scan.hu))) == []


@pytest.mark.parametrize(("low_mm", "high_mm", "end"), [(0, 130, "vertex"), (30, 160, "base")])
def test_an_end_that_is_not_in_the_scan_is_named(low_mm, high_mm, end):
    scan = round_head(spacing_mm=COARSE, low_mm=low_mm, high_mm=high_mm)
    found = warning(scan, "head-not-covered")
    area = areas_cm2(scan)[-1 if end == "vertex" else 0]
    assert end in found.text
    assert found.values["area_cm2"] == pytest.approx(area, rel=0.1)
    assert found.values["percent"] == pytest.approx(100 * area / areas_cm2(scan).max(), rel=0.1)


@pytest.mark.parametrize(("high_mm", "short"), [(90, True), (105, True), (115, False)])
def test_three_slices_of_a_head_are_only_a_part_of_it(high_mm, short):
    scan = round_head(spacing_mm=(5.0, 2.0, 2.0), low_mm=75, high_mm=high_mm)
    assert ("part-of-a-head" in codes(scan)) is short
    if short:
        assert warning(scan, "part-of-a-head").values["covered_mm"] == high_mm - 75 + 5


def test_both_ends_can_be_missing():
    assert codes(round_head(low_mm=50, high_mm=110)) == ["head-not-covered"] * 2


@pytest.mark.parametrize(("low_mm", "high_mm"), [(10, 160), (0, 150)])
def test_a_scan_that_ends_just_at_the_brain_is_whole(low_mm, high_mm):
    assert codes(round_head(low_mm=low_mm, high_mm=high_mm)) == []


def beyond_a_circle(hu, x, y, z):
    return np.where(np.hypot(x, y) + 0 * z > 80, -1024, hu)


@pytest.mark.parametrize(
    "scan",
    [round_head(width_mm=160), round_head(shift_mm=(0, 60)), round_head(width_mm=160, change=beyond_a_circle)],
    ids=["too large", "out of the middle", "too large for the circle"],
)
def test_a_head_that_the_picture_cuts_off_is_not_covered(scan):
    found = warning(scan, "head-not-covered")
    assert "edge of the picture" in found.text
    assert found.values["cut_mm"] > 20
    assert codes(scan) == ["head-not-covered"]


def test_a_head_that_only_just_fits_is_covered():
    assert codes(round_head(width_mm=200)) == []


def hole(radius_mm, top_mm=30.0):
    """No bone within a ball on the left side of the vault."""

    def change(hu, x, y, z):
        near = (x - 66) ** 2 + y**2 + (z - top_mm) ** 2 < radius_mm**2
        return np.where(near & (hu > 1000), 35, hu)

    return change


def half_without_bone(hu, x, y, z):
    return np.where((hu > 1000) & (x > 5) & (z > -10), 35, hu)


@pytest.mark.parametrize("change", [hole(22), hole(55), half_without_bone], ids=["4 cm", "11 cm", "half"])
def test_a_skull_with_a_large_hole_is_post_operative(change):
    found = warning(round_head(change=change), "post-operative-skull")
    assert found.values["missing_cm2"] > 5
    assert codes(round_head(change=change)) == ["post-operative-skull"]


def test_the_area_without_bone_is_that_of_the_hole():
    # The hole's rim casts bone over 4 mm; the ball cuts a disc of 40 mm radius out of a nearly flat side.
    found = warning(round_head(spacing_mm=(2.5, 1.0, 1.0), change=hole(40)), "post-operative-skull")
    assert found.values["missing_cm2"] == pytest.approx(np.pi * 3.6**2, rel=0.2)


def test_a_hole_of_a_suture_or_a_burr_is_not_post_operative():
    assert codes(round_head(change=hole(7))) == []


def clip(hu_value, ml, at=(20.0, 10.0)):
    def change(hu, x, y, z):
        radius = (ml * 1000 * 3 / 4 / np.pi) ** (1 / 3)
        return np.where((x - at[0]) ** 2 + (y - at[1]) ** 2 + z**2 < radius**2, hu_value, hu)

    return change


@pytest.mark.parametrize("at", [(20.0, 10.0), (71.0, 0.0)], ids=["in the brain", "on the skull"])
def test_metal_is_told_by_its_volume(at):
    found = warning(round_head(spacing_mm=(2.0, 1.0, 1.0), change=clip(3071, 2.0, at)), "metal")
    assert found.values["metal_ml"] == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize(
    "change", [clip(2500, 5.0, (71.0, 0.0)), clip(3071, 4.0, (110.0, 0.0))], ids=["enamel", "far from the brain"]
)
def test_dense_bone_and_metal_away_from_the_head_are_not_metal(change):
    assert codes(round_head(spacing_mm=(2.0, 1.5, 1.5), width_mm=280, change=change)) == []


def scanned_while_jumping(hu, pixel_mm, shift_mm, degrees):
    """Reconstruct a slice from parallel projections; the head jumps in the middle of the half turn."""
    side, views = len(hu), 180
    rays = np.clip(hu.astype(np.float32) + 1000, 0, None)
    ramp = np.abs(np.fft.rfftfreq(2 * side))
    result = np.zeros_like(rays)
    middle = ((side - 1) / 2, (side - 1) / 2)
    for view in range(views):
        late = 1 if view >= views / 2 else -1
        moved = np.vstack([cv2.getRotationMatrix2D(middle, degrees / 2 * late, 1), [0, 0, 1]])
        moved[0, 2] += shift_mm / pixel_mm / 2 * late
        turn = cv2.getRotationMatrix2D(middle, 180 * view / views, 1)
        seen = cv2.warpAffine(rays, (np.vstack([turn, [0, 0, 1]]) @ moved)[:2], (side, side), flags=cv2.INTER_CUBIC)
        filtered = np.fft.irfft(np.fft.rfft(np.pad(seen.sum(0), (0, side))) * ramp)[:side].astype(np.float32)
        back = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        result += cv2.warpAffine(np.tile(filtered, (side, 1)), turn, (side, side), flags=back)
    soft = (hu > 0) & (hu < 80)
    return result * np.median(rays[soft]) / np.median(result[soft]) - 1000


@pytest.mark.parametrize(("shift_mm", "degrees", "moved"), [(0, 0, False), (10, 8, True)])
def test_a_head_that_jumped_leaves_streaks(shift_mm, degrees, moved):
    still = round_head(width_mm=256, spacing_mm=(5.0, 2.0, 2.0))
    hu = still.hu.copy()
    for index in (19, 20):
        hu[index] = scanned_while_jumping(hu[index], 2.0, shift_mm, degrees)
    assert ("motion" in codes(replace(still, hu=hu))) == moved


def test_blood_fluid_and_air_within_the_skull_are_not_motion():
    def sick(hu, x, y, z):
        hu = np.where((x - 50) ** 2 + y**2 + (z - 20) ** 2 < 15**2, 75, hu)
        hu = np.where((np.abs(x + 25) < 12) & (np.abs(y) < 40) & (np.abs(z - 20) < 20), 0, hu)
        return np.where((x + 10) ** 2 + (y + 72) ** 2 + (z - 10) ** 2 < 8**2, -950, hu)

    assert codes(round_head(change=sick)) == []


@pytest.mark.parametrize(
    ("details", "code", "values"),
    [
        ({"kvp": 80.0}, "low-kvp", {"kvp": 80}),
        ({"kvp": 150.0}, "high-kvp", {"kvp": 150}),
        ({"thickness_mm": 7.0}, "thick-slices", {"thickness_mm": 7}),
        ({"patient_age": "012Y"}, "age-under-18", {"years": 12}),
        ({"patient_age": "006M"}, "age-under-18", {"years": 0.5}),
        ({"patient_age": "003W"}, "age-under-18", {"years": round(21 / 365.25, 3)}),
        ({"patient_age": "010D"}, "age-under-18", {"years": round(10 / 365.25, 3)}),
        ({"patient_age": ""}, "age-unknown", {"known": 0}),
        ({"patient_age": "abc"}, "age-unknown", {"known": 0}),
        ({"contrast_agent": "OMNIPAQUE 350"}, "contrast-agent", {"agent_named": 1}),
    ],
    ids=str,
)
def test_what_the_files_say_is_told_with_its_number(details, code, values):
    (only,) = scan_warnings(told(**details))
    assert (only.code, dict(only.values)) == (code, values)
    assert "{" not in only.text
    assert "\n" not in only.text


@pytest.mark.parametrize(
    "details",
    [
        {"kvp": 0.0},
        {"kvp": 100.0},
        {"kvp": 140.0},
        {"kvp": float("nan")},
        {"thickness_mm": 6.0},
        {"thickness_mm": float("nan")},
        {"patient_age": "018Y"},
        {"patient_age": " 090y "},
    ],
    ids=str,
)
def test_usual_and_unknown_values_are_nothing_to_warn_of(details):
    assert codes(told(**details)) == []


@pytest.mark.parametrize(
    ("born", "scanned", "code"),
    [
        ("20000315", "20180314", ["age-under-18"]),
        ("20000315", "20180315", []),
        ("2000.03.15", "2010.01.01", ["age-under-18"]),
        ("19500101", "", ["age-unknown"]),
        ("", "20180315", ["age-unknown"]),
        ("19501399", "20180315", ["age-unknown"]),
        ("18000101", "20180315", ["age-unknown"]),
        ("20200101", "20180315", ["age-unknown"]),
    ],
)
def test_the_age_follows_from_the_birth_date_where_it_is_not_told(born, scanned, code):
    assert codes(told(patient_age="", patient_birth_date=born, study_date=scanned)) == code


@pytest.mark.parametrize(
    "agent",
    ["NONE", "No", "without contrast", "w/o", "0", "ohne KM", "nativ", "non injecté", "sans", "SIN CONTRASTE", "N/A",
     "Non-contrast", "IV: none", "без контраста", "  "],
)  # fmt: skip
def test_no_contrast_agent_in_many_words(agent):
    assert codes(told(contrast_agent=agent)) == []


@pytest.mark.parametrize(
    "agent",
    ["APPLIED", "IV", "Iopamidol", "NONIONIC", "non-ionic iodine", "With and without", "Ultravist 300\n100 ml", "100"],
)
def test_a_contrast_agent_is_named(agent):
    found = warning(told(contrast_agent=agent), "contrast-agent")
    assert " ".join(agent.split()) in found.text


def test_thick_slices_are_those_of_a_quarter_of_the_scan_not_a_single_gap():
    fives = np.arange(20) * 5.0
    assert codes(told(heights_mm=np.append(fives, 105.0))) == []
    half = np.append(fives, 95.0 + 7.0 * np.arange(1, 11))
    assert warning(told(heights_mm=half), "thick-slices").values == {"thickness_mm": 7}


def test_thin_slices_are_thin_by_both_thickness_and_distance():
    assert codes(told(spacing_mm=(0.6, 0.5, 0.5), thickness_mm=0.6)) == ["thin-slices"]
    assert codes(told(spacing_mm=(0.6, 0.5, 0.5), thickness_mm=5.0)) == []
    assert codes(told(spacing_mm=(1.0, 0.5, 0.5), thickness_mm=0.6)) == []


def test_what_the_model_was_not_tested_on_is_said_so():
    outside = {"age-under-18", "age-unknown", "post-operative-skull", "metal", "motion"}
    said = {rule.code for rule in RULES if rule.text.startswith("Outside what this model was tested on: ")}
    assert said == outside


@settings(max_examples=30)
@given(
    hu=arrays(np.int16, st.tuples(st.integers(1, 5), st.integers(1, 24), st.integers(1, 24))),
    spacing=st.tuples(*[st.sampled_from([0.01, 0.5, 2.0, 6.0, 50.0])] * 3),
)
def test_no_scan_is_too_odd(hu, spacing):
    positions = np.outer(np.arange(len(hu)) * spacing[0], [0.0, 0.0, 1.0])
    scan = Scan(hu, spacing, np.eye(3), positions, "1", tuple(str(index) for index in range(len(hu))))
    for one in scan_warnings(scan):
        assert np.isfinite(list(one.values.values())).all()


def test_a_large_picture_with_fine_pixels_is_judged():
    hu = np.full((2, 40, 2000), -1024, np.int16)
    hu[:, 10:30, 500:1500] = 40
    scan = Scan(hu, (50.0, 0.01, 0.01), np.eye(3), np.outer([0, 50.0], [0, 0, 1.0]), "1", ("1", "2"))
    assert codes(scan)[0] == "not-a-head"


def test_pixels_too_coarse_for_a_skull_show_no_head():
    hu = np.full((1, 5, 5), 1000, np.int16)
    hu[0, 0] = hu[0, -1] = hu[0, :, 0] = hu[0, :, -1] = -1000
    hu[0, 2, 2] = 33
    assert codes(Scan(hu, (5.0, 60.0, 60.0), np.eye(3), np.zeros((1, 3)), "1", ("1",)))[0] == "not-a-head"


def test_what_was_said_on_reading_comes_first():
    scan = replace(toy_scan(4), warnings=(ScanWarning("gantry-tilt", "Tilted"),))
    codes = [warning.code for warning in examined(scan).warnings]
    assert codes[0] == "gantry-tilt"
    assert codes[1:] == [warning.code for warning in scan_warnings(scan)] != []
