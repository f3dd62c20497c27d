from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.pixels import pixel_array
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from ihd_core.dicom.datasets import PixelPlace
from ihd_core.dicom.header_reader import read_headers
from ihd_core.dicom.headers import PixelFormat
from ihd_core.dicom.pixel_data.pixels import AIR_HU, assumed_format, needs_repair, read_hu
from ihd_core.dicom.sources.source_files import SourceFile
from ihd_core.errors import DicomError, NotDicom
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


@dataclass(frozen=True)
class Case:
    """How values are written, and what they mean."""

    bits: int
    is_signed: bool
    is_big_endian: bool
    slope: float
    intercept: float
    padding: int | None
    padding_limit: int | None

    def meaning(self, pattern, high_bits):
        """The HU of one stored value by the definition, in float64."""
        value = pattern - (1 << self.bits) if self.is_signed and pattern >> (self.bits - 1) else pattern
        whole = pattern | high_bits
        as_written = whole - 65536 if self.is_signed and whole >= 32768 else whole
        if self.padding is not None:
            ends = [self.padding, self.padding if self.padding_limit is None else self.padding_limit]
            hu = [end * self.slope + self.intercept for end in ends]
            is_believed = max(hu) <= -500 or min(hu) >= 30000
            if is_believed and any(min(ends) <= found <= max(ends) for found in (value, as_written)):
                return AIR_HU
        exact = Fraction(value * self.slope + self.intercept)
        hu = min(max(round(exact), -32768), 32767)
        return AIR_HU if hu < -1500 else hu


@st.composite
def cases(draw):
    is_signed = draw(st.booleans())
    values = st.integers(-32768, 32767) if is_signed else st.integers(0, 65535)
    padding = draw(st.none() | values)
    return Case(
        bits=draw(st.integers(8, 16)),
        is_signed=is_signed,
        is_big_endian=draw(st.booleans()),
        slope=draw(st.sampled_from([1, 1, 1, -1, 2, 0.5, 1.0001, 2.0002442, 32.12, 0.0001, 700, -0.3])),
        intercept=draw(st.sampled_from([-1024, -1024, 0, -1000, -8192, 32.12, -4047, 0.5, -1024.5, 30000])),
        padding=padding,
        padding_limit=None if padding is None else draw(st.none() | values),
    )


@pytest.fixture(scope="module")
def plain_header(tmp_path_factory):
    (path,) = write_series(tmp_path_factory.mktemp("plain"), np.zeros((1, 4, 4), np.int16))
    return header_of(path)


@given(
    cases(), st.lists(st.tuples(st.integers(0, 65535), st.booleans()), min_size=12, max_size=12), st.integers(0, 65535)
)
def test_hu_are_those_of_the_definition_in_every_format(plain_header, case, values, garbage):
    lowest = (1 << case.bits) - 1
    special = [0, lowest, lowest >> 1, (lowest >> 1) + 1]
    written = [(value & lowest, garbage & ~lowest & 0xFFFF if dirty else 0) for value, dirty in values]
    written += [(value, 0) for value in special]
    if case.padding is not None:
        written[0] = (case.padding & lowest, case.padding & ~lowest & 0xFFFF)
    order = ">" if case.is_big_endian else "<"
    path = plain_header.file.path.with_name("values")
    path.write_bytes(np.array([value | high for value, high in written], f"{order}u2").tobytes())
    header = replace(
        plain_header,
        file=SourceFile(path),
        stamp=SourceFile(path).stamp(),
        place=PixelPlace(0, 32),
        pixels=PixelFormat(
            bits_stored=case.bits,
            high_bit=case.bits - 1,
            is_signed=case.is_signed,
            is_big_endian=case.is_big_endian,
            padding=case.padding,
            padding_limit=case.padding_limit,
        ),
        slope=case.slope,
        intercept=case.intercept,
    )
    expected = [case.meaning(value, high) for value, high in written]
    assert read_hu(header, repair=False).ravel().tolist() == expected


def write_wrapped(folder, hu, *, intercept=0, tags=None):
    """A slice as the RSNA 2019 set has it: unsigned 12 bits, what is below 0 wrapped around, the intercept useless."""
    (path,) = write_series(
        folder, (hu % 4096).astype(np.int16)[None], intercept=0, bits_stored=12, tags={"RescaleIntercept": intercept}
    )
    dataset = pydicom.dcmread(path)
    for keyword, value in (tags or {}).items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("intercept", [0, 1, -99, 24])
@pytest.mark.parametrize("tags", [{}, {"RescaleSlope": None}])
def test_values_that_wrapped_at_12_bits_get_their_true_hu_back(tmp_path, intercept, tags):
    hu = np.arange(-1000, 3096).reshape(64, 64)
    header = header_of(write_wrapped(tmp_path, hu, intercept=intercept, tags=tags))
    assert needs_repair(header)
    assert np.array_equal(read_hu(header), hu)
    assert np.array_equal(read_hu(header, repair=False), hu % 4096 + intercept)


@pytest.mark.parametrize(
    "tags",
    [
        {"RescaleIntercept": -100},
        {"RescaleIntercept": -1024},
        {"RescaleIntercept": None},
        {"RescaleSlope": 2},
        {"RescaleSlope": 0.9999},
        {"BitsStored": 16, "HighBit": 15},
        {"BitsStored": 13, "HighBit": 12},
        {"PixelRepresentation": 1},
    ],
)
def test_only_values_with_the_whole_fault_are_repaired(tmp_path, tags):
    header = header_of(write_wrapped(tmp_path, np.arange(-1000, 3096).reshape(64, 64), tags=tags))
    assert not needs_repair(header)
    assert np.array_equal(read_hu(header), read_hu(header, repair=False))


def test_bits_above_the_twelve_do_not_disturb_the_repair(tmp_path):
    hu = np.arange(-1000, 3096).reshape(64, 64)
    path = write_wrapped(tmp_path, hu)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = (np.frombuffer(dataset.PixelData, "<u2") | 0xA000).astype("<u2").tobytes()
    dataset.save_as(path)
    assert np.array_equal(read_hu(header_of(path)), hu)


def test_announced_padding_in_a_repaired_slice_becomes_air(tmp_path):
    hu = np.full((8, 8), 40)
    hu[0] = -1000
    header = header_of(write_wrapped(tmp_path, hu))
    expected = hu.copy()
    expected[0] = AIR_HU
    padded = replace(header, pixels=replace(header.pixels, padding=3096))
    assert np.array_equal(read_hu(padded), expected)
    tissue = replace(header, pixels=replace(header.pixels, padding=40))
    assert np.array_equal(read_hu(tissue), hu), "a padding value that would blank tissue is not believed"


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, RLELossless, JPEG2000Lossless])
def test_the_repair_does_not_depend_on_the_encoding(tmp_path, syntax):
    hu = np.arange(-1000, 3096).reshape(64, 64)
    stored = (hu % 4096).astype(np.int16)[None]
    (path,) = write_series(tmp_path, stored, intercept=0, bits_stored=12, transfer_syntax=syntax)
    assert np.array_equal(read(path), hu)


def test_values_of_unknown_sign_are_negative_where_they_can_be_nothing_else(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1], signed=True, intercept=0, tags={"PixelRepresentation": None})
    header = header_of(path)
    assert np.array_equal(read_hu(header), hu[0])
    assert assumed_format(header) == (
        "PixelRepresentation is absent or unknown: read as unsigned, or signed if 16 bits reach 32768",
    )


def test_values_of_unknown_sign_are_unsigned_otherwise(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1], tags={"PixelRepresentation": None})
    assert np.array_equal(read(path), hu[0])


def test_padding_of_values_of_unknown_sign_is_recognized(tmp_path):
    values = np.array([[-2000, -1000, 0, 40]], np.int16)
    tags = {"PixelRepresentation": None}
    (path,) = write_series(tmp_path, values[None], signed=True, intercept=0, padding=-2000, tags=tags)
    assert read(path).tolist() == [[AIR_HU, -1000, 0, 40]]


def test_padding_announced_as_huge_is_the_negative_value_that_it_was(tmp_path):
    values = np.array([[-2000, -1000, 0, 40]], np.int16)
    (path,) = write_series(tmp_path, values[None], intercept=-2000, tags={"PixelPaddingValue": 63536})
    dataset = pydicom.dcmread(path)
    dataset.PixelData = np.array([63536, 1000, 2000, 2040], "<u2").tobytes()
    dataset.save_as(path)
    assert read(path).tolist() == [[AIR_HU, -1000, 0, 40]]


@pytest.mark.parametrize(
    ("tags", "assumed"),
    [
        ({}, ()),
        ({"HighBit": None}, ()),
        ({"BitsStored": None, "HighBit": None}, ()),
        ({"BitsStored": 20, "HighBit": 19}, ("BitsStored is 20 of 16: all bits are read",)),
        ({"BitsStored": 0, "HighBit": 15}, ("BitsStored is 0 of 16: all bits are read",)),
        ({"HighBit": 13}, ("HighBit is 13 with 16 bits: values are read from bit 0 on",)),
    ],
)
def test_a_format_that_is_wrong_or_incomplete_is_read_and_said(tmp_path, hu, tags, assumed):
    (path,) = write_series(tmp_path, hu[:1], tags=tags)
    header = header_of(path)
    assert np.array_equal(read_hu(header), hu[0])
    assert assumed_format(header) == assumed


def test_eight_bits_allocated_are_read(tmp_path):
    hu = np.arange(-1024, -768).reshape(16, 16).astype(np.int16)
    tags = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelData": np.arange(256, dtype=np.uint8).tobytes()}
    (path,) = write_series(tmp_path, hu[None], tags=tags)
    assert np.array_equal(read(path), hu)


@pytest.mark.parametrize("bits", [1, 12, 32, 64])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless])
def test_other_widths_of_a_pixel_are_refused(tmp_path, hu, bits, syntax):
    (path,) = write_series(tmp_path, hu[:1], transfer_syntax=syntax, tags={"BitsAllocated": bits})
    with pytest.raises(DicomError, match=rf"^001\.dcm: {bits} bits a pixel where a CT slice has 8 or 16$"):
        read(path)


def test_rows_and_columns_beyond_reason_are_refused(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1], tags={"Rows": 60000})
    with pytest.raises(DicomError, match=r"^001\.dcm: is damaged \(60000 × 40 pixels, at most 8192 × 8192 are read\)$"):
        read(path)


def test_pixel_data_of_no_length_is_refused(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1], tags={"PixelData": b""})
    with pytest.raises(DicomError, match=r"^001\.dcm: 0 bytes of pixel data where 2,560 were announced$"):
        read(path)


def by_pydicom(path):
    """Stored values by pydicom, which cannot decode JPEG of 12 bits; those by GDCM."""
    dataset = pydicom.dcmread(path)
    if dataset.file_meta.TransferSyntaxUID[-3:] not in {".51", ".53", ".55"}:
        return pixel_array(dataset, raw=True)
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    content = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
    frames = int(dataset.get("NumberOfFrames", 1))
    return np.frombuffer(content, "<u2").reshape((frames, dataset.Rows, dataset.Columns)[frames == 1 :])


def test_hu_of_every_real_ct_are_those_of_the_stored_values_that_pydicom_reads(shared_data):
    compared = 0
    for path in sorted(shared_data.rglob("*")):
        if not path.is_file() or path.suffix in {".csv", ".json", ".txt"}:
            continue
        try:
            headers = read_headers(SourceFile(path))
        except NotDicom:
            continue
        if headers[0].modality != "CT" or headers[0].samples_per_pixel != 1 or not headers[0].rows:
            continue
        stored = by_pydicom(path).reshape(-1, headers[0].rows, headers[0].columns)
        for header in headers:
            values = stored[header.frame]
            exact = values * (1.0 if header.slope is None else header.slope) + (header.intercept or 0.0)
            is_tissue = (values != header.pixels.padding) & (exact >= -1500)
            hu = read_hu(header, repair=False)
            assert np.array_equal(hu[is_tissue], np.clip(np.rint(exact), -32768, 32767)[is_tissue]), path
            assert (hu[~is_tissue] == AIR_HU).all(), path
            compared += 1
    assert compared > 100
