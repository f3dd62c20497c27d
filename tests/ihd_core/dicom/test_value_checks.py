import numpy as np
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


def test_slices_without_rescale_among_others_are_counted(tmp_path, hu):
    def without(index):
        return {"RescaleSlope": None, "RescaleIntercept": None} if index == 2 else {}

    write_series(tmp_path, hu, tags_per_slice=without)
    text, values = told(load_scan(tmp_path))["no-rescale"]
    assert "1 of 5 files, while the others have one" in text
    assert values == {"slices": 1}


@pytest.mark.parametrize(
    ("tags", "said"),
    [({"PixelRepresentation": None}, "PixelRepresentation is absent"), ({"HighBit": 3}, "HighBit is 3")],
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
