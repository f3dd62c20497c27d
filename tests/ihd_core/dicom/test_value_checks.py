import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEGLSNearLossless

from ihd_core.dicom.reader import load_scan
from ihd_core.dicom.value_checks import unreadable_warnings
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.dicom.test_reader import truncate


def told(scan):
    return {warning.code: (warning.text, dict(warning.values)) for warning in scan.warnings}


@pytest.fixture
def wrapped(tmp_path, hu):
    """A series as many of the RSNA set are: HU + 1000 above 4095 starts again at 0, and the intercept is 0 or 1."""
    head = np.clip(hu, -1000, 3095)
    stored = ((head + 1000 + 1000) % 4096 - 1000).astype(np.int16)  # HU below 0 come out as 3096 and more
    stored = np.where(stored < 0, stored + 4096, stored).astype(np.int16)
    write_series(tmp_path, stored, intercept=0, bits_stored=12)
    return tmp_path, np.where(stored >= 3096, stored - 4096, stored)


def test_the_rsna_repair_is_named_and_says_what_it_did(wrapped):
    folder, expected = wrapped
    scan = load_scan(folder)
    assert np.array_equal(scan.hu, expected)
    text, values = told(scan)["rsna-repair"]
    assert text.startswith("RSNA repair: All slices wrap around at 12 bits; HU = ((stored + 1000) mod 4096) - 1000")
    assert values == {"slices": 5, "intercept": 0}


def test_without_repair_the_files_own_values_are_shown_and_that_is_said(wrapped):
    folder, expected = wrapped
    scan = load_scan(folder, repair=False)
    assert np.array_equal(scan.hu, np.where(expected < 0, expected + 4096, expected))
    assert "rsna-repair" not in told(scan)
    assert "repair is off" in told(scan)["rsna-repair-off"][0]


def test_what_cannot_have_wrapped_is_not_repaired(tmp_path, hu):
    write_series(tmp_path, np.clip(hu, -1000, 2000), bits_stored=12, intercept=-1024)
    assert told(load_scan(tmp_path)) == {}


@pytest.mark.parametrize("absent", [("RescaleSlope", "RescaleIntercept"), ("RescaleSlope",), ("RescaleIntercept",)])
def test_a_slice_without_rescale_among_others_is_not_shown(tmp_path, hu, absent):
    write_series(tmp_path, hu, tags_per_slice=lambda i: dict.fromkeys(absent) if i == 2 else {})
    scan = load_scan(tmp_path)
    assert np.array_equal(scan.hu, hu[[0, 1, 3, 4]])
    text, values = told(scan)["unreadable-slice"]
    assert text.endswith("003.dcm: no rescale slope or intercept while the other slices have them")
    assert values == {"after_index": 1}
    assert "no-rescale" not in told(scan)


@pytest.mark.parametrize(
    ("absent", "said"),
    [(("RescaleSlope", "RescaleIntercept"), "the stored values are taken as HU"), (("RescaleSlope",), "1 is taken")],
)
def test_a_series_without_rescale_is_shown_and_what_is_assumed_is_said(tmp_path, hu, absent, said):
    write_series(tmp_path, hu, tags=dict.fromkeys(absent))
    scan = load_scan(tmp_path)
    assert len(scan) == 5
    assert said in told(scan)["no-rescale"][0]


def test_repaired_slices_without_a_slope_are_not_said_to_be_taken_as_they_are(wrapped):
    folder, expected = wrapped
    for path in sorted(folder.iterdir()):
        dataset = pydicom.dcmread(path)
        del dataset.RescaleSlope
        dataset.save_as(path)
    scan = load_scan(folder)
    assert np.array_equal(scan.hu, expected)
    assert list(told(scan)) == ["rsna-repair"]


@pytest.mark.parametrize("signed", [False, True])
def test_values_that_need_more_bits_than_bits_stored_are_said_to_be_cut(tmp_path, hu, signed):
    head = np.clip(hu, -1000, 900)
    metal = head.copy()
    metal[3, 5, 5] = 4500 - 1024  # stored as 4500, of which 12 bits leave 404
    write_series(tmp_path / "metal", metal, signed=signed, tags={"BitsStored": 12, "HighBit": 11})
    text, values = told(load_scan(tmp_path / "metal"))["pixel-format"]
    assert text.startswith("1 slice has values that need more bits than BitsStored")
    assert values == {"slices": 1}
    write_series(tmp_path / "head", head, signed=signed, tags={"BitsStored": 12, "HighBit": 11})
    assert told(load_scan(tmp_path / "head")) == {}


@pytest.mark.parametrize("high_bits", [0xF000, 0x1000])
@pytest.mark.parametrize("signed", [False, True])
def test_bits_that_are_above_every_value_are_no_part_of_it(tmp_path, hu, signed, high_bits):
    head = np.clip(hu, -1000, 900)
    intercept = 0 if signed else -1024
    write_series(tmp_path, head, intercept=intercept, signed=signed, bits_stored=12, high_bits=high_bits)
    scan = load_scan(tmp_path)
    assert np.array_equal(scan.hu, head)
    assert told(scan) == {}


def test_padding_of_more_bits_than_bits_stored_is_no_value_that_is_cut(tmp_path, hu):
    head, padded = np.clip(hu, -1000, 900), np.zeros(hu.shape, bool)
    padded[:, :8] = True
    write_series(
        tmp_path,
        head,
        padding=0xF830,
        padded=padded,
        tags={"BitsStored": 12, "HighBit": 11, "PixelPaddingValue": 63536},
    )
    scan = load_scan(tmp_path)
    assert np.array_equal(scan.hu, np.where(padded, -1024, head))
    assert told(scan) == {}


@pytest.mark.parametrize(("stored", "intercept"), [(24, -1024), (3000, -8192)])
def test_a_scan_of_nothing_but_air_is_said_to_hold_no_picture(tmp_path, stored, intercept):
    write_series(tmp_path, np.full((3, 8, 8), stored + intercept, np.int16), intercept=intercept)
    text, values = told(load_scan(tmp_path))["no-tissue"]
    assert text.startswith("No value above -1000 HU in any slice")
    assert values == {"slices": 3}


@pytest.mark.parametrize("index", [0, 1, 2])
def test_one_voxel_is_enough_to_be_a_picture(tmp_path, index):
    hu = np.full((3, 8, 8), -1000, np.int16)
    hu[index, 2, 2] = -999
    write_series(tmp_path, hu)
    assert "no-tissue" not in told(load_scan(tmp_path))


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"PixelRepresentation": None}, "PixelRepresentation is absent"),
        ({"PixelRepresentation": 2}, "PixelRepresentation is absent or unknown"),
        ({"HighBit": 3}, "HighBit is 3"),
    ],
)
def test_what_is_assumed_of_the_pixel_format_is_said(tmp_path, hu, tags, said):
    write_series(tmp_path, hu, tags=tags)
    scan = load_scan(tmp_path)
    assert np.array_equal(scan.hu, hu)
    text, values = told(scan)["pixel-format"]
    assert text.startswith(said)
    assert values == {"slices": 5}


def test_loss_is_named_with_its_transfer_syntax(shared_data):
    (path,) = (shared_data / "transfer_syntaxes").glob(f"*{JPEGLSNearLossless}.dcm")
    assert "JPEG-LS Lossy" in told(load_scan(path))["lossy-compression"][0]


@pytest.mark.parametrize(
    ("lost", "after", "where"), [(0, -1, "below the first"), (2, 1, "after slice 2"), (4, 3, "after slice 4")]
)
def test_a_slice_that_cannot_be_read_leaves_its_place_in_the_warning(tmp_path, hu, lost, after, where):
    truncate(write_series(tmp_path, hu)[lost])
    scan = load_scan(tmp_path)
    text, values = told(scan)["unreadable-slice"]
    assert text.startswith(f"A slice {where} could not be read and is left out: 00{lost + 1}.dcm: ")
    assert values == {"after_index": after}
    assert len(scan) == 4


def test_a_slice_of_unknown_place_is_said_without_one():
    (warning,) = unreadable_warnings([("x.dcm: is empty (0 bytes)", None)])
    assert (warning.text, warning.values) == (
        "A slice could not be read and is left out: x.dcm: is empty (0 bytes)",
        {},
    )
