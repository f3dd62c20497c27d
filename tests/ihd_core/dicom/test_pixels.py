import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from ihd_core.dicom.pixels import AIR_HU, read_hu
from ihd_core.errors import DicomError
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.dicom.header_of import header_of

NATIVE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
LOSSLESS = [RLELossless, JPEG2000Lossless, JPEGLSLossless]


def read(path):
    return read_hu(header_of(path))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", [*NATIVE, *LOSSLESS])
def test_every_lossless_transfer_syntax_gives_the_hu_that_were_written(tmp_path, hu, syntax, signed):
    paths = write_series(tmp_path, hu[:2], transfer_syntax=syntax, signed=signed)
    assert all(np.array_equal(read(path), expected) for path, expected in zip(paths, hu, strict=False))


@pytest.mark.parametrize(
    ("slope", "intercept"),
    [(1, -1024), (1, 0), (1, -1000), (1, -8192), (-1, 0), (2, -1000), (0.5, -1000), (1, -1000.0)],
)
def test_slope_and_intercept_are_applied(tmp_path, hu, slope, intercept):
    expected = hu[0] // 2 * 2
    (path,) = write_series(tmp_path, expected[None], slope=slope, intercept=intercept, signed=True)
    assert np.array_equal(read(path), expected)


def test_slope_and_intercept_are_those_of_each_slice(tmp_path, hu):
    paths = write_series(tmp_path, hu[:3], slope=[1, 0.5, 0.25], intercept=[-1024, -1000, -2000])
    assert all(np.array_equal(read(path), expected) for path, expected in zip(paths, hu, strict=False))


def test_the_nearest_hu_is_taken_where_the_slope_is_not_whole(tmp_path):
    stored = np.array([[0, 1, 2, 3]], np.int16)
    (path,) = write_series(tmp_path, stored[None], intercept=0, tags={"RescaleSlope": "2.4", "RescaleIntercept": "-10"})
    assert read(path).tolist() == [[-10, -8, -5, -3]]


def test_absent_slope_and_intercept_leave_the_stored_values(tmp_path, hu):
    tags = {"RescaleSlope": None, "RescaleIntercept": None}
    (path,) = write_series(tmp_path, hu[:1], intercept=0, signed=True, tags=tags)
    assert np.array_equal(read(path), hu[0])


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("high_bits", [0, 0xF000, 0x1000])
def test_bits_above_bits_stored_are_ignored(tmp_path, hu, signed, high_bits):
    expected = np.clip(hu[0], -1000, 1000)
    (path,) = write_series(
        tmp_path,
        expected[None],
        bits_stored=12,
        signed=signed,
        intercept=-1000 if not signed else 0,
        high_bits=high_bits,
    )
    assert np.array_equal(read(path), expected)


def test_monochrome1_changes_the_display_and_not_the_hu(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1], photometric="MONOCHROME1")
    assert np.array_equal(read(path), hu[0])


@pytest.mark.parametrize(
    ("padding", "options"),
    [
        (-2000, {"signed": True, "intercept": 0}),
        (-32768, {"signed": True, "intercept": -1024}),
        (0, {"intercept": -1024}),
        (-3000, {"signed": True, "intercept": 0, "bits_stored": 12}),
        # Announced as unsigned 63536.
        (-2000, {"signed": True, "intercept": 0, "tags": {"PixelPaddingValue": b"\x30\xf8"}}),
    ],
)
def test_padding_becomes_air(tmp_path, hu, padding, options):
    padded = np.zeros(hu[:1].shape, bool)
    padded[:, :4] = True
    expected = np.clip(hu[0], -500, 1500)
    (path,) = write_series(tmp_path, expected[None], padding=padding, padded=padded, **options)
    loaded = read(path)
    assert np.array_equal(loaded[4:], expected[4:])
    assert (loaded[:4] == AIR_HU).all()


def test_padding_up_to_the_range_limit_becomes_air(tmp_path):
    values = np.array([[-1402, -1400, -1390, -1380, -1379, 0]], np.int16)
    (path,) = write_series(
        tmp_path, values[None], signed=True, intercept=0, padding=-1400, tags={"PixelPaddingRangeLimit": -1380}
    )
    assert read(path).tolist() == [[-1402, AIR_HU, AIR_HU, AIR_HU, -1379, 0]]


def test_a_padding_value_that_would_blank_tissue_is_not_believed(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1], signed=True, intercept=0, padding=0)
    assert np.array_equal(read(path), hu[0])


def test_values_beyond_sixteen_bits_saturate(tmp_path):
    (path,) = write_series(tmp_path, np.array([[[0, 16000]]], np.int16), intercept=0, tags={"RescaleSlope": 3})
    assert read(path).tolist() == [[0, 32767]]


@pytest.mark.parametrize("missing", [1, 400, 1024])
def test_truncated_pixels_name_the_file_and_both_lengths(tmp_path, hu, missing):
    (path,) = write_series(tmp_path, hu[:1])
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(
        DicomError, match=rf"^001.dcm: {2560 - missing:,} bytes of pixel data where 2,560 were announced$"
    ):
        read(path)


@pytest.mark.parametrize("syntax", [*LOSSLESS, DeflatedExplicitVRLittleEndian])
@pytest.mark.parametrize("share", [0.6, 0.9])
def test_truncated_compressed_pixels_are_refused(tmp_path, hu, syntax, share):
    (path,) = write_series(tmp_path, hu[:1], transfer_syntax=syntax)
    header = header_of(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DicomError, match=r"^001.dcm: "):
        read_hu(header)


def test_a_file_without_pixels_says_so(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1], tags={"PixelData": None})
    with pytest.raises(DicomError, match=r"^001.dcm: no pixel data"):
        read(path)


def test_a_slope_of_zero_is_refused(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1], tags={"RescaleSlope": 0})
    with pytest.raises(DicomError, match=r"^001.dcm: slope 0 and intercept -1024 give no HU$"):
        read(path)


def test_a_syntax_without_decoder_is_named(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1], transfer_syntax=RLELossless)
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.9\0", 1))
    with pytest.raises(DicomError, match=r"^001.dcm: .*1\.2\.840\.10008\.1\.2\.9"):
        read(path)


@pytest.mark.parametrize("syntax", NATIVE)
def test_native_values_are_those_of_pydicom(tmp_path, hu, syntax):
    (path,) = write_series(tmp_path, hu[:1], transfer_syntax=syntax)
    assert np.array_equal(read(path), pydicom.dcmread(path).pixel_array.astype(int) - 1024)


def test_values_that_do_not_begin_at_bit_0_are_refused_not_shown_black(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1], intercept=-1024, bits_stored=12)
    dataset = pydicom.dcmread(path)
    dataset.HighBit = 15
    dataset.save_as(path)
    assert np.array_equal(read_hu(header_of(path)), hu[0]), "only the tag is wrong"
    dataset.PixelData = (np.frombuffer(dataset.PixelData, "<u2") << 4).astype("<u2").tobytes()
    dataset.save_as(path)
    with pytest.raises(DicomError, match=r"^001\.dcm: values lie in bits 4 to 15, only those from bit 0 on are read$"):
        read_hu(header_of(path))
