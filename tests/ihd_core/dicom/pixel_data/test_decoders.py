import zlib
from dataclasses import replace

import cv2
import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from ihd_core.dicom import datasets, inflating_file
from ihd_core.dicom.header_reader import read_headers
from ihd_core.dicom.headers import PixelFormat
from ihd_core.dicom.pixel_data.decoders import decoded_values, values_of
from ihd_core.dicom.pixel_data.pixels import read_hu
from ihd_core.dicom.sources.source_files import SourceFile
from ihd_core.errors import DicomError
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.dicom.header_of import header_of
from tests.ihd_core.dicom.pixel_data.encoded_file import DELIMITER, frame_header, items, write_encoded

BASELINE, EXTENDED, LOSSLESS, LOSSLESS_1 = (f"1.2.840.10008.1.2.4.{last}" for last in (50, 51, 57, 70))
JPEG_LS, J2K, HTJ2K = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201"
RLE = "1.2.840.10008.1.2.5"
END = b"\xff\xd9"


def picture(bits, rows=40, columns=56, seed=0):
    """Smooth values of so many bits with some noise, as a scan has."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    level = (np.sin(x / 7) * np.cos(y / 5) + 1) / 2 * ((1 << bits) - 1) * 0.9
    values = np.clip(level + rng.normal(0, (1 << bits) / 200, level.shape), 0, (1 << bits) - 1)
    return values.astype(np.uint8 if bits <= 8 else np.uint16)


def as_signed(values, bits):
    return values.astype(int) - ((values.astype(int) >> (bits - 1)) << bits)


def header_around(folder, frames, syntax, shape=(40, 56), **options):
    return header_of(write_encoded(folder, frames, syntax, rows=shape[0], columns=shape[1], **options))


@pytest.fixture(scope="module")
def any_header(tmp_path_factory):
    (path,) = write_series(tmp_path_factory.mktemp("any"), np.zeros((1, 4, 4), np.int16))
    return header_of(path)


def announcing(header, syntax, shape=(40, 56), *, bits=16, allocated=16, signed=False):
    """The header as if it announced such a picture."""
    pixels = PixelFormat(bits_allocated=allocated, bits_stored=bits, high_bit=bits - 1, is_signed=signed)
    return replace(header, transfer_syntax=syntax, rows=shape[0], columns=shape[1], pixels=pixels, place=None)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """encoded picture, transfer syntax, its values: one of every kind."""
    p8, p12, p16 = picture(8), picture(12), picture(16)
    rle = pydicom.dcmread(
        write_series(tmp_path_factory.mktemp("rle"), p12[None].astype(np.int16), intercept=0, transfer_syntax=RLE)[0]
    )
    return {
        "baseline": (imagecodecs.jpeg8_encode(p8, level=100), BASELINE, 8, None),
        "restarts": (cv2.imencode(".jpg", p8, [cv2.IMWRITE_JPEG_RST_INTERVAL, 3])[1].tobytes(), BASELINE, 8, None),
        "extended": (imagecodecs.jpeg8_encode(p12, level=95, bitspersample=12), EXTENDED, 12, None),
        "progressive": (cv2.imencode(".jpg", p8, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes(), EXTENDED, 8, None),
        "lossless": (imagecodecs.jpeg8_encode(p16, lossless=True, predictor=4, bitspersample=16), LOSSLESS, 16, p16),
        "lossless 1": (imagecodecs.jpeg8_encode(p12, lossless=True, bitspersample=12), LOSSLESS_1, 12, p12),
        "JPEG-LS": (imagecodecs.jpegls_encode(p16), JPEG_LS, 16, p16),
        "JPEG 2000": (imagecodecs.jpeg2k_encode(p16, codecformat="j2k", reversible=True, level=0), J2K, 16, p16),
        "JP2": (imagecodecs.jpeg2k_encode(p16, codecformat="jp2", reversible=True, level=0), J2K, 16, p16),
        "HTJ2K": (imagecodecs.htj2k_encode(p16, reversible=True), HTJ2K, 16, p16),
        "RLE": (next(pydicom.encaps.generate_frames(rle.PixelData, number_of_frames=1)), RLE, 16, p12),
    }


KINDS = ["baseline", "restarts", "extended", "progressive", "lossless", "lossless 1"]
ALL_KINDS = [*KINDS, "JPEG-LS", "JPEG 2000", "JP2", "HTJ2K", "RLE"]


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_encoding_gives_the_values_that_were_encoded(any_header, plain, capfd, kind):
    frame, syntax, bits, values = plain[kind]
    found = values_of(frame, announcing(any_header, syntax, bits=bits))
    # What a lossy encoder meant is what another decoder makes of it.
    meant = cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_GRAYSCALE) if bits == 8 else picture(bits)
    assert np.abs(found.astype(int) - (meant if values is None else values)).max() <= (0 if kind != "extended" else 40)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_lossless_jpeg_gives_the_values_with_every_predictor_and_sign(tmp_path, predictor, bits, signed):
    values = picture(bits)
    frame = imagecodecs.jpeg8_encode(values, lossless=True, predictor=predictor, bitspersample=bits)
    header = header_around(tmp_path, [frame], LOSSLESS, bits=bits, signed=signed)
    assert np.array_equal(decoded_values(header), as_signed(values, bits) if signed else values)
    expected = as_signed(values, bits) if signed else values.astype(int)
    assert np.array_equal(read_hu(header, repair=False), np.where(expected < -1500, -1024, np.minimum(expected, 32767)))


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless, RLELossless])
@pytest.mark.parametrize(("bits", "signed"), [(12, False), (12, True), (13, True), (16, False), (16, True)])
def test_lossless_encodings_keep_values_of_every_width_and_sign(tmp_path, syntax, bits, signed):
    lowest = -(1 << (bits - 1)) if signed else 0
    hu = np.clip(picture(bits).astype(int) + lowest, max(lowest, -1500), 32767).astype(np.int16)
    (path,) = write_series(tmp_path, hu[None], intercept=0, bits_stored=bits, signed=signed, transfer_syntax=syntax)
    assert np.array_equal(read_hu(header_of(path), repair=False), hu)


@pytest.mark.parametrize("bits", [12, 13, 16])
@pytest.mark.parametrize(("codec", "syntax"), [(imagecodecs.jpeg2k_encode, J2K), (imagecodecs.htj2k_encode, HTJ2K)])
def test_the_sign_is_that_of_the_header_where_jpeg_2000_says_unsigned(tmp_path, bits, codec, syntax):
    values = picture(bits)
    options = {"codecformat": "j2k", "level": 0, "bitspersample": bits} if codec is imagecodecs.jpeg2k_encode else {}
    frame = codec(values, reversible=True, **options)
    precision = bits if options else 16
    header = header_around(tmp_path, [frame], syntax, bits=bits, signed=True)
    assert np.array_equal(decoded_values(header), as_signed(values, precision))
    expected = as_signed(values, bits)
    assert np.array_equal(read_hu(header), np.where(expected < -1500, -1024, expected))


@pytest.mark.parametrize("bits", [13, 16])
def test_the_sign_is_that_of_the_header_where_jpeg_2000_says_signed(tmp_path, bits):
    values = picture(bits)
    frame = imagecodecs.jpeg2k_encode(
        as_signed(values, bits).astype(np.int16), codecformat="j2k", reversible=True, level=0, bitspersample=bits
    )
    assert np.array_equal(decoded_values(header_around(tmp_path, [frame], J2K, bits=bits)), values)
    header = header_around(tmp_path, [frame], J2K, bits=bits, signed=True)
    assert np.array_equal(decoded_values(header), as_signed(values, bits))


def test_bits_above_those_stored_are_ignored_in_encoded_pictures_too(tmp_path):
    values = picture(12) | 0x5000
    frame = imagecodecs.jpeg8_encode(values, lossless=True, bitspersample=16)
    hu = read_hu(header_around(tmp_path, [frame], LOSSLESS_1, bits=12), repair=False)
    assert np.array_equal(hu, picture(12))


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        ("1.2.840.10008.1.2.4.52", r"JPEG Extended .* \(1\.2\.840\.10008\.1\.2\.4\.52\)"),
        ("1.2.840.10008.1.2.4.92", r"JPEG 2000 Part 2 .* \(1\.2\.840\.10008\.1\.2\.4\.92\)"),
        ("1.2.840.10008.1.2.4.94", r"JPIP Referenced \(1\.2\.840\.10008\.1\.2\.4\.94\)"),
        ("1.2.840.10008.1.2.4.100", r"MPEG2 .* \(1\.2\.840\.10008\.1\.2\.4\.100\)"),
        ("1.2.840.10008.1.2.4.102", r"MPEG-4 .* \(1\.2\.840\.10008\.1\.2\.4\.102\)"),
        ("1.2.840.10008.1.2.4.999", r"1\.2\.840\.10008\.1\.2\.4\.999"),
        ("1.2.840.113619.5.2", r"1\.2\.840\.113619\.5\.2"),
        ("1.3.6.1.4.1.99999.1", r"1\.3\.6\.1\.4\.1\.99999\.1"),
    ],
)
def test_what_no_decoder_takes_is_named(tmp_path, plain, syntax, name):
    header = replace(header_around(tmp_path, [plain["baseline"][0]], BASELINE), transfer_syntax=syntax)
    with pytest.raises(DicomError, match=rf"^001\.dcm: no decoder for transfer syntax {name}$"):
        read_hu(header)


ZEROS = bytes(64)
TAILS = [b"", END, ZEROS, ZEROS + END, b"\xff\xd0" + END]


@pytest.mark.parametrize(
    ("kind", "tail"),
    # Zeros are an ordinary last refinement of a progressive picture.
    [(kind, tail) for kind in KINDS for tail in TAILS if (kind, tail) != ("progressive", ZEROS + END)],
)
@pytest.mark.parametrize("share", [0.5, 0.8, 0.97])
def test_a_jpeg_picture_that_breaks_off_is_refused_even_if_it_has_an_end(any_header, plain, capfd, kind, share, tail):
    frame, syntax, bits, _ = plain[kind]
    scan = frame.rfind(b"\xff\xda") + 14
    cut = frame[: scan + int((len(frame) - scan) * share)].rstrip(b"\xff") + tail
    header = announcing(any_header, syntax, bits=bits)
    with pytest.raises(DicomError, match=r"^001\.dcm: pixel data (breaks off|is damaged \(more of it)"):
        values_of(cut, header)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["baseline", "extended", "progressive", "lossless"])
def test_a_jpeg_picture_cut_before_any_of_its_markers_is_refused(any_header, plain, kind):
    frame, syntax, bits, _ = plain[kind]
    header = announcing(any_header, syntax, bits=bits)
    for place in range(2, len(frame) - 2):
        if frame[place] == 0xFF and frame[place + 1] != 0:
            with pytest.raises(DicomError, match=r"^001\.dcm: (pixel data breaks off|pixels cannot be decoded)"):
                values_of(frame[:place] + END, header)


@pytest.mark.parametrize("kind", ["JPEG 2000", "JP2", "HTJ2K"])
@pytest.mark.parametrize("end", [END, b"\0\0"])
def test_a_jpeg_2000_picture_with_zeros_in_the_place_of_its_values_is_refused(any_header, plain, kind, end):
    frame, syntax, bits, _ = plain[kind]
    half = len(frame) // 2
    filled = frame[:half] + bytes(len(frame) - half - 2) + end
    with pytest.raises(DicomError, match=r"^001\.dcm: pixel data is damaged \(zeros within its JPEG 2000 picture\)$"):
        values_of(filled, announcing(any_header, syntax, bits=bits))


@pytest.mark.parametrize("encode", [imagecodecs.jpeg2k_encode, imagecodecs.htj2k_encode])
@pytest.mark.parametrize("value", [0, 1000])
@pytest.mark.parametrize("blank", [0, 100, 512])
def test_a_blank_jpeg_2000_picture_is_not_taken_for_one_filled_with_zeros(any_header, encode, value, blank):
    values = np.random.default_rng(0).integers(0, 2000, (512, 512)).astype(np.uint16)
    values[:blank] = value
    options = {"codecformat": "j2k", "level": 0} if encode is imagecodecs.jpeg2k_encode else {}
    frame = encode(values, reversible=True, **options)
    assert np.array_equal(values_of(frame + bytes(512), announcing(any_header, J2K, (512, 512))), values)


def test_a_jpeg_picture_cut_between_two_restart_markers_is_refused(any_header, plain):
    frame, syntax, bits, _ = plain["restarts"]
    places = [index for index in range(len(frame) - 1) if frame[index] == 0xFF and 0xD0 <= frame[index + 1] <= 0xD7]
    assert len(places) > 8
    for place in places:
        header = announcing(any_header, syntax, bits=bits)
        with pytest.raises(DicomError, match=r"^001\.dcm: pixel data breaks off within its JPEG picture$"):
            values_of(frame[:place] + END, header)


@pytest.mark.parametrize("kind", ["lossless", "lossless 1", "baseline"])
def test_a_jpeg_picture_with_a_piece_too_many_is_refused(any_header, plain, kind):
    frame, syntax, bits, _ = plain[kind]
    middle = frame.rfind(b"\xff\xda") + 200
    header = announcing(any_header, syntax, bits=bits)
    with pytest.raises(DicomError, match=r"^001\.dcm: pixel data (is damaged \(more of it|breaks off)"):
        values_of(frame[:middle] + frame[middle : middle + 40] + frame[middle:], header)


@given(
    st.sampled_from([8, 12, 16]),
    st.sampled_from(["noise", "smooth", "one value", "two values", "blank below", "blank above"]),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 1 << 16),
    st.sampled_from([None, 1, 4, 7]),
    st.sampled_from([b"", b"\0", b"\xff" * 3]),
)
def test_no_whole_jpeg_picture_is_refused(any_header, bits, content, rows, columns, seed, predictor, fill):
    rng = np.random.default_rng(seed)
    top = (1 << bits) - 1
    values = rng.integers(0, top + 1, (rows, columns))
    if content == "smooth":
        values = np.clip(np.cumsum(rng.integers(-2, 3, (rows, columns)), axis=1) + top // 2, 0, top)
    elif content == "one value":
        values = np.full_like(values, seed & top)
    elif content == "two values":
        values = np.where(rng.random(values.shape) < 0.01, 0, seed & top)
    elif content.startswith("blank"):
        values[rows // 3 :] = seed & top
        values = values if content == "blank below" else values[::-1]
    values = np.ascontiguousarray(values.astype(np.uint8 if bits == 8 else np.uint16))
    lossless = predictor is not None or bits == 16
    options = {"lossless": True, "predictor": predictor or 1} if lossless else {"level": 1 + seed % 100}
    frame = imagecodecs.jpeg8_encode(values, bitspersample=bits, optimize=bool(seed % 2), **options)
    # Markers may be preceded by any number of 0xFF, and pictures followed by zeros.
    frame = frame[:-2] + fill.rstrip(b"\0") + END + fill.rstrip(b"\xff")
    header = announcing(any_header, LOSSLESS, (rows, columns), bits=bits)
    found = values_of(frame, header)
    assert np.array_equal(found, values if lossless else imagecodecs.jpeg8_decode(frame))


@pytest.mark.parametrize("kind", ALL_KINDS)
@given(data=st.data())
def test_a_damaged_picture_is_refused_or_has_the_announced_size(plain, any_header, kind, data):
    frame, syntax, bits, _ = plain[kind]
    damaged = bytearray(frame)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged) - 1) | st.integers(0, min(150, len(damaged) - 1)))
        how = data.draw(st.sampled_from(["change", "cut", "remove", "double"]))
        if how == "change":
            damaged[place] = data.draw(st.integers(0, 255))
        elif how == "cut" and place > 2:
            del damaged[place:]
        elif how == "remove" and len(damaged) > 8:
            del damaged[place : place + 3]
        else:
            damaged[place:place] = damaged[place : place + 20]
    header = announcing(any_header, syntax, bits=bits)
    try:
        values = values_of(bytes(damaged), header)
    except DicomError as error:
        message = str(error)
    else:
        message = "001.dcm: "
        assert values.shape == (40, 56)
        assert values.dtype.itemsize <= 2
    assert message.startswith("001.dcm: ")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("rows", [39, 41, 4096])
def test_a_picture_of_another_size_than_announced_is_refused(any_header, plain, kind, rows):
    frame, syntax, bits, _ = plain[kind]
    header = announcing(any_header, syntax, (rows, 56), bits=bits)
    found = r"a picture of 40 × 56 × 1 where .* × 56 × 1 were announced" if kind != "RLE" else r".*"
    with pytest.raises(DicomError, match=rf"^001\.dcm: {found}$"):
        values_of(frame, header)


@pytest.mark.parametrize(
    ("encode", "syntax"), [(imagecodecs.jpeg8_encode, BASELINE), (imagecodecs.jpegls_encode, JPEG_LS)]
)
def test_a_picture_in_color_is_refused(any_header, encode, syntax):
    frame = encode(np.zeros((40, 56, 3), np.uint8))
    with pytest.raises(DicomError, match=r"^001\.dcm: a picture of 40 × 56 × 3 where 40 × 56 × 1 were announced$"):
        values_of(frame, announcing(any_header, syntax, bits=8))


def test_a_picture_of_more_bits_than_announced_is_refused(any_header, plain):
    header = announcing(any_header, LOSSLESS, bits=8, allocated=8)
    with pytest.raises(DicomError, match=r"^001\.dcm: a picture of 16 bits a pixel where 8 were announced$"):
        values_of(plain["lossless"][0], header)


def test_a_picture_that_claims_to_be_huge_takes_no_memory(any_header, plain):
    for kind, marker in (("baseline", b"\xff\xc0"), ("JPEG-LS", b"\xff\xf7"), ("JPEG 2000", b"\xff\x51")):
        frame, syntax, bits, _ = plain[kind]
        place = frame.find(marker)
        size = b"\x7f" * 8 if kind == "JPEG 2000" else b"\xff\xff\xff\xff"
        at = place + (6 if kind == "JPEG 2000" else 5)
        header = announcing(any_header, syntax, bits=bits)
        with pytest.raises(DicomError, match=r"^001\.dcm: "):
            values_of(frame[:at] + size + frame[at + len(size) :], header)


@pytest.mark.parametrize("fragments", [1, 2, 7])
@pytest.mark.parametrize("end", [DELIMITER, b""])
@pytest.mark.parametrize("table", [[b""], [b"\0\0\0\0"], []])
def test_one_picture_may_lie_in_any_number_of_fragments_of_any_length(tmp_path, plain, fragments, end, table):
    frame, syntax, bits, values = plain["lossless"]
    step = len(frame) // fragments + 1
    step += step % 2 == 0  # odd, which DICOM does not allow
    pieces = [frame[start : start + step] for start in range(0, len(frame), step)]
    path = write_encoded(tmp_path, items(*table, *pieces), syntax, rows=40, columns=56, bits=bits)
    content = path.read_bytes()
    assert content.endswith(DELIMITER)
    path.write_bytes(content[: -len(DELIMITER)] + end)
    assert np.array_equal(decoded_values(header_of(path)), values)


def test_two_pictures_where_one_is_announced_are_refused(tmp_path, plain):
    frame, syntax, bits, _ = plain["lossless"]
    for pixel_data in (
        items(b"", frame, frame),
        items(b"\0\0\0\0" + (len(frame) + 8).to_bytes(4, "little"), frame, frame),
    ):
        header = header_around(tmp_path, pixel_data, syntax, bits=bits)
        with pytest.raises(DicomError, match=r"^001\.dcm: pictures in its pixel data: 2, announced: 1$"):
            decoded_values(header)
    frame, syntax, bits, _ = plain["RLE"]
    with pytest.raises(DicomError, match=r"^001\.dcm: pictures in its pixel data: 2, announced: 1$"):
        decoded_values(header_around(tmp_path, [frame, frame], syntax, bits=bits))


@pytest.mark.parametrize("table", ["right", "none", "wrong"])
@pytest.mark.parametrize("pieces", [1, 3])
def test_every_frame_is_found_whatever_the_offset_table_says(tmp_path, table, pieces):
    pictures = [picture(12, seed=seed) for seed in range(4)]
    frames = [imagecodecs.jpeg8_encode(values, lossless=True, bitspersample=12) for values in pictures]
    fragments, offsets, offset = [], [], 0
    for frame in frames:
        step = -(-len(frame) // pieces)
        offsets.append(offset)
        for start in range(0, len(frame), step):
            fragments.append(frame[start : start + step])
            offset += 8 + len(fragments[-1])
    content = {"right": offsets, "none": [], "wrong": [0, 3, 5, 7]}[table]
    first = b"".join(value.to_bytes(4, "little") for value in content)
    path = write_encoded(tmp_path, items(first, *fragments), LOSSLESS_1, rows=40, columns=56, bits=12)
    for index in (2, 0, 3, 1):
        assert np.array_equal(decoded_values(frame_header(path, index, 4)), pictures[index])
    with pytest.raises(DicomError, match=r"^001\.dcm: pictures in its pixel data: 4, announced: 5$"):
        decoded_values(frame_header(path, 0, 5))


def test_frames_in_rle_are_one_fragment_each(tmp_path):
    pictures = np.stack([picture(12, seed=seed) for seed in range(3)]).astype(np.int16)
    paths = write_series(tmp_path / "single", pictures, intercept=0, transfer_syntax=RLELossless)
    datasets_ = [pydicom.dcmread(path) for path in paths]
    frames = [next(pydicom.encaps.generate_frames(one.PixelData, number_of_frames=1)) for one in datasets_]
    path = write_encoded(tmp_path, frames, RLE, rows=40, columns=56)
    for index, values in enumerate(pictures):
        assert np.array_equal(decoded_values(frame_header(path, index, 3)), values)


def test_the_two_frames_of_a_file_without_offset_table_are_those_of_gdcm(shared_data):
    import gdcm

    path = shared_data / "transfer_syntaxes" / "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm"
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    content = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
    expected = np.frombuffer(content, "<u2").reshape(2, 512, 512)
    header = read_headers(SourceFile(path))[0]
    for index in range(2):
        assert np.array_equal(decoded_values(replace(header, frame=index, frames=2)), expected[index])


@pytest.mark.parametrize(
    ("pixel_data", "message"),
    [
        (b"", r"pictures in its pixel data: 0, announced: 1"),
        (items(b""), r"pictures in its pixel data: 0, announced: 1"),
        (items(b"", b""), r"pixels cannot be decoded, .*\(does not begin as a JPEG picture\)"),
        (items(b"", b"nonsense"), r"pixels cannot be decoded, .*\(does not begin as a JPEG picture\)"),
        (items(b"", b"\xff\xd8\xff"), r"pixels cannot be decoded, .*\(has no complete JPEG header\)"),
        (b"\1\2\3\4\5\6\7\x08" * 3, r"pixel data is damaged \(no fragment where one should begin\)"),
        (items(b"") + b"\xfe\xff\x00\xe0\xff\xff\xff\xff", r"pixel data is damaged \(no fragment .*\)"),
        (
            items(b"") + b"\xfe\xff\x00\xe0\xff\xff\xff\x7f\xff\xd8",
            r"pixel data is damaged \(2,147,483,647 encoded .*\)",
        ),
        (
            items(b"") + b"\xfe\xff\x00\xe0\xff\xff\x00\x00\xff\xd8",
            r"pixel data breaks off, .* where 65,535 were announced",
        ),
    ],
)
def test_fragments_that_are_none_are_refused(tmp_path, pixel_data, message):
    header = header_around(tmp_path, pixel_data, BASELINE, bits=8)
    with pytest.raises(DicomError, match=rf"^001\.dcm: {message}$"):
        decoded_values(header)


def test_pixel_data_that_is_not_encapsulated_is_refused(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1])
    content = path.read_bytes()
    path.write_bytes(content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"))
    with pytest.raises(DicomError, match=r"^001\.dcm: pixel data is not encapsulated as its transfer syntax demands$"):
        read_hu(header_of(path))


def test_native_pixel_data_of_undefined_length_is_refused(tmp_path, plain):
    frame, syntax, bits, _ = plain["lossless"]
    path = write_encoded(tmp_path, [frame], syntax, rows=40, columns=56, bits=bits)
    dataset = pydicom.dcmread(path)
    content = path.read_bytes().replace(syntax.encode(), b"1.2.840.10008.1.2.1".ljust(len(syntax), b"\0"))
    assert dataset.file_meta.TransferSyntaxUID == syntax
    path.write_bytes(content)
    with pytest.raises(DicomError, match=r"^001\.dcm: no pixel data of a known length, which Explicit VR .* demands$"):
        read_hu(header_of(path))


def deflated(folder, hu):
    (path,) = write_series(folder, hu[:1], transfer_syntax=DeflatedExplicitVRLittleEndian)
    return path


def meta_and_deflated(path):
    """The file's meta information, and what follows it, still deflated."""
    content = path.read_bytes()
    end = 132 + 12 + pydicom.filereader.read_file_meta_info(path).FileMetaInformationGroupLength
    return content[:end], content[end:]


def deflate(content):
    packing = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packing.compress(content) + packing.flush()


@pytest.fixture
def inflated(monkeypatch):
    """Number of bytes that every call of zlib has inflated."""
    counts = []

    class Counting:
        def __init__(self, *options):
            self._inner = decompressobj(*options)

        def __getattr__(self, name):
            return getattr(self._inner, name)

        def decompress(self, *options):
            found = self._inner.decompress(*options)
            counts.append(len(found))
            return found

    decompressobj = zlib.decompressobj
    monkeypatch.setattr(inflating_file.zlib, "decompressobj", Counting)
    return counts


def test_a_deflated_file_is_inflated_no_further_than_its_picture(tmp_path, hu, inflated):
    path = deflated(tmp_path, hu)
    meta, body = meta_and_deflated(path)
    path.write_bytes(meta + deflate(zlib.decompress(body, -15) + bytes(16 << 20)))
    header = header_of(path)
    assert sum(inflated) < 1 << 20
    assert np.array_equal(read_hu(header), hu[0])
    assert sum(inflated) < 2 << 20


def test_pixel_data_longer_than_announced_is_not_inflated(tmp_path, hu, inflated):
    path = deflated(tmp_path, hu)
    meta, body = meta_and_deflated(path)
    plain = zlib.decompress(body, -15)
    start = plain.index(b"\xe0\x7f\x10\x00OW") + 12
    longer = plain[: start - 4] + (16 << 20).to_bytes(4, "little") + plain[start:] + bytes(16 << 20)
    path.write_bytes(meta + deflate(longer))
    assert np.array_equal(read_hu(header_of(path)), hu[0])
    assert sum(inflated) < 2 << 20


def test_a_deflated_header_that_grows_without_end_is_refused(tmp_path, hu, inflated, monkeypatch):
    monkeypatch.setattr(datasets, "LARGEST_HEADER", 4 << 20)
    path = deflated(tmp_path, hu)
    meta, _ = meta_and_deflated(path)
    endless = b"\x09\x00\x01\x00OB\0\0" + (16 << 20).to_bytes(4, "little") + bytes(16 << 20)
    path.write_bytes(meta + deflate(endless))
    with pytest.raises(
        DicomError, match=r"^001\.dcm: inflates to more than 4,194,304 bytes \(at most 4,194,304 are read\)$"
    ):
        read_headers(SourceFile(path))
    assert sum(inflated) < 5 << 20


def test_deflated_data_that_breaks_off_or_is_damaged_is_refused(tmp_path, hu):
    path = deflated(tmp_path, hu)
    meta, body = meta_and_deflated(path)
    broken = r"^001\.dcm: is damaged \(breaks off before the end of its deflated data\)$"
    path.write_bytes(meta + body[: len(body) // 2])
    header = header_of(path)
    with pytest.raises(DicomError, match=broken):
        read_hu(header)
    path.write_bytes(meta + body[:100])
    with pytest.raises(DicomError, match=broken):
        read_headers(SourceFile(path))
    path.write_bytes(meta + b"\xff" * 100)
    with pytest.raises(DicomError, match=r"^001\.dcm: is damaged \(cannot be inflated, .*\)$"):
        read_headers(SourceFile(path))


def test_a_deflated_picture_that_is_too_short_is_refused(tmp_path, hu):
    path = deflated(tmp_path, hu)
    header = replace(header_of(path), rows=33)
    with pytest.raises(DicomError, match=r"^001\.dcm: 2,560 bytes of pixel data where 2,640 were announced$"):
        read_hu(header)


def test_a_file_that_changed_since_its_header_was_read_is_refused(tmp_path, plain):
    frame, syntax, bits, _ = plain["lossless"]
    path = write_encoded(tmp_path, [frame], syntax, rows=40, columns=56, bits=bits)
    header = header_of(path)
    path.write_bytes(path.read_bytes() + b"\0\0")
    with pytest.raises(DicomError, match=r"^001\.dcm: has changed since it was found; open it again$"):
        read_hu(header)
