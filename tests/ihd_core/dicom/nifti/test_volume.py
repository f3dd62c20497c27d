import gzip
import shutil
import subprocess
import zipfile
from itertools import permutations, product

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ihd_core.dicom.inspection import inspect
from ihd_core.dicom.reader import ScanReader, load_scan
from ihd_core.dicom.series import find_series
from ihd_core.dicom.sources.source_files import SourceFile
from ihd_core.errors import CannotPredict, DicomError
from ihd_core.model_input import placement, slice_input
from ihd_core.phantom.series_writer import write_series

ORIENTATIONS = [
    np.column_stack([order, signs]) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)
]
SPACING = (5.0, 0.5, 0.25)
ORIGIN = np.array([-4.875, -7.75, -10.0])
"""Of the first pixel, LPS; what write_series gives 5 slices of 32 x 40 pixels with this spacing."""

TO_RAS = np.diag([-1.0, -1, 1, 1])


def affine(spacing=SPACING, origin=ORIGIN, step=(0, 0, 1)):
    """Of an array with axes left, posterior, slice, to RAS."""
    to_lps = np.eye(4)
    to_lps[0, 0], to_lps[1, 1] = spacing[2], spacing[1]
    to_lps[:3, 2] = np.array(step) * spacing[0]
    to_lps[:3, 3] = origin
    return TO_RAS @ to_lps


def image(hu, to_ras=None, dtype=np.int16, kind=nibabel.Nifti1Image):
    """A volume (slices, rows, columns), rows to the left and columns to posterior, as NIfTI."""
    found = kind(hu.transpose(2, 1, 0).astype(dtype), affine() if to_ras is None else to_ras, dtype=dtype)
    found.header.set_xyzt_units("mm")
    return found


def saved(found, path):
    nibabel.save(found, path)
    return path


def codes(scan):
    return [warning.code for warning in scan.warnings]


def network_input(scan):
    place = placement(scan, 64)
    return np.stack([slice_input(scan, range(i, i + 1), place).channels for i in range(len(scan))])


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda o: "".join(nibabel.orientations.ornt2axcodes(o)))
def test_every_order_and_direction_of_the_axes_is_the_same_scan(tmp_path, hu, orientation):
    write_series(tmp_path / "dicom", hu, spacing_mm=SPACING)
    expected = load_scan(tmp_path / "dicom")
    path = saved(image(hu).as_reoriented(orientation), tmp_path / "head.nii")
    scan = load_scan(path)
    assert scan.hu.dtype == np.int16
    assert np.array_equal(scan.hu, hu)
    assert np.abs(scan.positions_mm - expected.positions_mm).max() < 1e-4
    assert np.array_equal(scan.orientation, np.eye(3))
    assert scan.spacing_mm == SPACING
    assert np.array_equal(network_input(scan), network_input(expected))
    assert scan.warnings == ()


@pytest.mark.parametrize("ending", [".nii", ".NII.gz"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("byte_order", "<>")
@pytest.mark.parametrize("dtype", ["i2", "f4"])
def test_every_kind_of_file_gives_the_same_hu(tmp_path, hu, ending, kind, byte_order, dtype):
    found = image(hu, dtype=dtype, kind=kind)
    stored = kind(np.asarray(found.dataobj), found.affine, found.header.as_byteswapped(byte_order))
    assert stored.header.endianness == byte_order
    path = saved(stored, tmp_path / f"head{ending.lower()}").rename(tmp_path / f"head{ending}")
    assert np.array_equal(load_scan(path).hu, hu)


@pytest.mark.parametrize("dtype", ["i1", "u1", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("byte_order", "<>")
def test_whole_numbers_of_every_size_are_taken_as_they_are(tmp_path, hu, dtype, byte_order):
    limits = np.iinfo(dtype)
    values = np.clip(hu.astype(np.int64), limits.min, min(limits.max, 2**62))
    values[0, 0, 0] = min(limits.max, 2**62)
    found = nibabel.Nifti1Image(values.transpose(2, 1, 0).astype(dtype), affine(), dtype=dtype)
    stored = nibabel.Nifti1Image(np.asarray(found.dataobj), found.affine, found.header.as_byteswapped(byte_order))
    assert np.array_equal(load_scan(saved(stored, tmp_path / "head.nii")).hu, np.minimum(values, 32767))


@pytest.mark.parametrize(("slope", "intercept", "dtype"), [(1, -1024, "u2"), (0.5, -1024, "u2"), (2, -8, "i2")])
def test_slope_and_intercept_are_applied(tmp_path, hu, slope, intercept, dtype):
    expected = (hu // 2) * 2 if slope == 2 else hu
    found = image(((expected - intercept) / slope), dtype=dtype)
    found.header.set_slope_inter(slope, intercept)
    # nibabel scales what it writes, so that the stored values are put into the file by hand.
    path = tmp_path / "head.nii"
    path.write_bytes(found.header.binaryblock + bytes(4) + np.asarray(found.dataobj).tobytes("F"))
    data = bytearray(path.read_bytes())
    header = nibabel.Nifti1Header(bytes(data[:348]), check=False)
    header["magic"], header["vox_offset"] = b"n+1", 352
    data[:348] = header.binaryblock
    path.write_bytes(data)
    assert np.array_equal(nibabel.load(path).get_fdata().transpose(2, 1, 0), expected), "the file is as intended"
    assert np.array_equal(load_scan(path).hu, expected)


def test_fractions_are_rounded_and_what_is_no_number_is_air(tmp_path, hu):
    values = hu.astype(np.float32) + 0.4
    values[2, 3, 4:7] = np.nan, np.inf, -np.inf
    values[0, 0, 0] = 1e9
    expected = hu.copy()
    expected[2, 3, 4:7] = -1024
    expected[0, 0, 0] = 32767
    scan = load_scan(saved(image(values, dtype=np.float32), tmp_path / "head.nii.gz"))
    assert np.array_equal(scan.hu, expected)
    assert [(w.code, dict(w.values)) for w in scan.warnings] == [("not-a-number", {"values": 3})]


def test_padding_below_any_hu_is_air_as_in_dicom(tmp_path, hu):
    values = hu.copy()
    values[:, :3] = -2000
    write_series(tmp_path / "dicom", values, signed=True, intercept=0)
    expected = load_scan(tmp_path / "dicom")
    assert (expected.hu[:, :3] == -1024).all()
    assert np.array_equal(load_scan(saved(image(values), tmp_path / "head.nii")).hu, expected.hu)


@pytest.mark.parametrize(("unit", "factor"), [("meter", 0.001), ("micron", 1000), ("unknown", 1), ("mm", 1)])
def test_lengths_are_taken_in_their_unit(tmp_path, hu, unit, factor):
    found = image(hu, np.diag([factor, factor, factor, 1]) @ affine())
    found.header.set_xyzt_units(unit)
    scan = load_scan(saved(found, tmp_path / "head.nii"))
    assert scan.spacing_mm == pytest.approx(SPACING)
    assert scan.positions_mm[0] == pytest.approx(ORIGIN, abs=1e-4)


def test_the_sform_goes_before_the_qform_and_the_qform_stands_in_for_it(tmp_path, hu):
    moved = affine(origin=ORIGIN + 100)
    both = image(hu)
    both.set_qform(moved, 1)
    both.set_sform(affine(), 1)
    assert load_scan(saved(both, tmp_path / "both.nii")).positions_mm[0] == pytest.approx(ORIGIN, abs=1e-4)
    both.set_sform(None, 0)
    assert load_scan(saved(both, tmp_path / "qform.nii")).positions_mm[0] == pytest.approx(ORIGIN + 100, abs=1e-4)


@pytest.mark.parametrize("row", [None, np.zeros(4), np.full(4, np.nan), np.full(4, 1e30)])
def test_without_an_orientation_none_is_guessed(tmp_path, hu, row):
    found = image(hu)
    found.set_qform(None, 0)
    found.set_sform(affine(), 0 if row is None else 1)
    path = saved(found, tmp_path / "head.nii")
    if row is not None:
        content = bytearray(path.read_bytes())
        content[280:296] = np.array(row, "<f4").tobytes()  # srow_x
        path.write_bytes(content)
    with pytest.raises(DicomError, match=r"^head.nii: has no orientation \(neither sform nor qform\), and it is not g"):
        load_scan(path)


@pytest.mark.parametrize("degrees", [18.5, -29])
@pytest.mark.parametrize("orientation", ORIENTATIONS[::11], ids=str)
def test_a_sheared_volume_has_the_position_of_every_slice(tmp_path, hu, degrees, orientation):
    tilt = np.radians(degrees)
    table = np.array([0, np.tan(tilt), 1])
    positions = ORIGIN + np.arange(5)[:, None] * 5 * table
    write_series(tmp_path / "dicom", hu, spacing_mm=SPACING, positions_mm=positions)
    expected = load_scan(tmp_path / "dicom")
    found = image(hu, affine(step=table)).as_reoriented(orientation)
    found.set_qform(None, 0)
    scan = load_scan(saved(found, tmp_path / "head.nii"))
    assert np.array_equal(scan.hu, hu)
    assert np.abs(scan.positions_mm - positions).max() < 0.01
    assert scan.warnings == expected.warnings
    assert codes(scan) == ["gantry-tilt"]


def test_an_oblique_volume_keeps_its_directions(tmp_path, hu):
    turn = np.radians(12)
    rotation = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    to_lps = np.eye(4)
    to_lps[:3, :3] = rotation @ np.diag([0.25, 0.5, 5])
    scan = load_scan(saved(image(hu, TO_RAS @ to_lps), tmp_path / "head.nii"))
    assert np.allclose(scan.orientation, rotation.T, atol=1e-6)
    assert scan.spacing_mm == pytest.approx((5, 0.5, 0.25), rel=1e-6)


def test_pixels_that_are_no_rectangles_are_refused_with_their_angle(tmp_path, hu):
    to_lps = np.eye(4)
    to_lps[0, 1] = np.tan(np.radians(10))
    found = image(hu, TO_RAS @ to_lps)
    found.set_qform(None, 0)
    path = saved(found, tmp_path / "head.nii")
    with pytest.raises(DicomError, match=r"^head.nii: rows and columns meet at 80.0°, only 90° can be shown$"):
        load_scan(path)


def test_a_single_slice_and_a_fourth_dimension_of_one_are_read(tmp_path, hu):
    flat = nibabel.Nifti1Image(hu[0].T, affine())
    assert np.array_equal(load_scan(saved(flat, tmp_path / "slice.nii")).hu, hu[:1])
    long = nibabel.Nifti1Image(hu.transpose(2, 1, 0)[..., None], affine())
    assert np.array_equal(load_scan(saved(long, tmp_path / "long.nii")).hu, hu)


RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((4, 4, 4, 3), np.int16), "holds 3 volumes (4, 4, 4, 3), only one is read"),
        (np.zeros((4, 4, 4), RGB), "values of type RGB are no HU"),
        (np.zeros((4, 4, 4), np.complex64), "values of type complex64 are no HU"),
    ],
)
def test_what_is_no_ct_volume_is_refused_by_name(tmp_path, values, message):
    path = saved(nibabel.Nifti1Image(values, affine()), tmp_path / "head.nii")
    with pytest.raises(DicomError) as caught:
        load_scan(path)
    assert str(caught.value) == f"head.nii: {message}"


def test_a_map_of_labels_is_refused_by_name(tmp_path, hu):
    found = image(hu > 0, dtype=np.uint8)
    found.header.set_intent("label")
    path = saved(found, tmp_path / "lesions.nii.gz")
    with pytest.raises(DicomError, match=r"^lesions.nii.gz: is a map of labels, no HU$"):
        load_scan(path)


@pytest.mark.parametrize("ending", [".hdr", ".img"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.AnalyzeImage])
def test_a_volume_in_two_files_is_refused_by_name(tmp_path, hu, kind, ending):
    nibabel.save(kind(hu.transpose(2, 1, 0), None), tmp_path / "head.img")
    with pytest.raises(
        DicomError, match=r"^head.(hdr|img): ANALYZE or NIfTI in two files is not read; convert it to .nii$"
    ):
        load_scan(tmp_path / f"head{ending}")


@pytest.mark.parametrize(
    ("lowest", "highest", "is_doubtful"),
    [(0, 1, True), (0, 255, True), (0, 4095, True), (-1024, 100, True), (-1024, 2000, False), (-600, 400, False)],
)
def test_values_that_may_not_be_hu_are_named(tmp_path, hu, lowest, highest, is_doubtful):
    values = np.clip(hu, lowest, highest)
    values[0, 0, :2] = lowest, highest
    scan = load_scan(saved(image(values), tmp_path / "head.nii"))
    assert codes(scan) == (["not-predicted", "values-may-not-be-hu"] if is_doubtful else [])
    assert bool(scan.refusal) == is_doubtful
    if is_doubtful:
        assert dict(scan.warnings[1].values) == {"lowest": lowest, "highest": highest}
        assert f"{lowest} to {highest}" in scan.warnings[1].text
        with pytest.raises(CannotPredict, match=f"{lowest} to {highest}"):
            placement(scan, 256)


def doubtful(hu, how):
    """A mask beside a head, which nothing but its header or its name can tell."""
    found = image(hu > 300, dtype=np.uint8 if how == "8 bits" else np.int16)
    if how == "display":
        found.header["cal_max"] = 1
    elif how == "intent":
        found.header.set_intent("p value")
    return found


@pytest.mark.parametrize("how", ["8 bits", "display", "intent", "name"])
@pytest.mark.parametrize("seed", range(4))
def test_a_mask_beside_a_head_comes_last(tmp_path, hu, how, seed):
    hu = np.roll(hu, seed)  # the UIDs are of the content, and so was the order
    saved(image(hu), tmp_path / "head.nii")
    saved(doubtful(hu, how), tmp_path / ("brain_mask.nii" if how == "name" else "a.nii"))
    first, last = find_series([tmp_path]).series
    assert first.description == "head"
    assert first.doubt == ""
    assert last.doubt in last.reason
    assert last.doubt


def test_eight_bits_that_a_slope_makes_hu_of_are_no_mask(tmp_path):
    found = nibabel.Nifti1Image(np.arange(64, dtype=np.uint8).reshape(4, 4, 4), affine(), dtype=np.uint8)
    found.header.set_slope_inter(16, -1024)
    (series,) = find_series([saved(found, tmp_path / "head.nii")]).series
    assert series.doubt == ""


def test_a_display_range_for_brain_is_no_doubt(tmp_path, hu):
    found = image(hu)
    found.header["cal_min"], found.header["cal_max"] = 0, 80
    (series,) = find_series([saved(found, tmp_path / "head.nii")]).series
    assert series.doubt == ""


@pytest.mark.parametrize("seed", range(4))
def test_volumes_that_nothing_else_tells_apart_come_by_name(tmp_path, hu, seed):
    for name in ("b", "c", "a"):
        saved(image(np.roll(hu, seed + ord(name))), tmp_path / f"{name}.nii")
    assert [series.description for series in find_series([tmp_path]).series] == ["a", "b", "c"]


FLIPS = {"left": (-1, 1, 1), "left and posterior": (-1, -1, 1), "posterior": (1, -1, 1)}


@pytest.mark.parametrize("flip", FLIPS)
def test_sform_and_qform_of_different_sides_are_refused(tmp_path, hu, flip):
    found = image(hu)
    found.set_sform(affine(), 1)
    found.set_qform(affine() @ np.diag([*FLIPS[flip], 1]), 1)
    path = saved(found, tmp_path / "head.nii")
    with pytest.raises(DicomError, match=r"^head.nii: sform and qform name different sides"):
        load_scan(path)


@pytest.mark.parametrize("degrees", [0, 20, 45, 90])
def test_sform_and_qform_of_the_same_sides_are_read(tmp_path, hu, degrees):
    """Also where rounding of the quaternion could tip the balance between two axes."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cosine, -sine, 0, 0], [sine, cosine, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    found = image(hu)
    found.set_sform(turn @ affine(), 1)
    found.set_qform(turn @ affine(origin=ORIGIN + 3), 2)
    assert len(load_scan(saved(found, tmp_path / "head.nii"))) == len(hu)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_file_is_not_read_again_for_every_slice(tmp_path, hu, ending, monkeypatch):
    path = saved(image(hu).as_reoriented([[1, 1], [2, -1], [0, 1]]), tmp_path / f"head{ending}")
    series = find_series([path]).series[0]
    opened = []
    for name in ("open", "read_into"):
        original = getattr(SourceFile, name)
        monkeypatch.setattr(
            SourceFile, name, lambda *args, original=original: opened.append(args[0]) or original(*args)
        )
    reader = ScanReader(series)
    assert [index for index, _ in reader.slices()] == [2, 1, 3, 0, 4]
    assert np.array_equal(reader.scan().hu, hu)
    assert len(opened) == 1


def test_a_slice_of_a_plain_file_is_read_alone(tmp_path, hu, monkeypatch):
    path = saved(image(hu), tmp_path / "head.nii")
    reader = ScanReader(find_series([path]).series[0])
    read = []
    original = SourceFile.read_into
    monkeypatch.setattr(SourceFile, "read_into", lambda *args: read.append(args[1].nbytes) or original(*args))
    next(reader.slices())
    assert read == [32 * 40 * 2]


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_file_that_changed_after_it_was_found_is_not_read(tmp_path, hu, ending):
    path = saved(image(hu), tmp_path / f"head{ending}")
    reader = ScanReader(find_series([path]).series[0])
    saved(image(hu[:, ::-1], dtype=np.int32), path)
    with pytest.raises(DicomError, match="has changed since it was found"):
        list(reader.slices())


def test_a_copy_has_the_same_uids_and_another_voxel_has_others(tmp_path, hu):
    path = saved(image(hu), tmp_path / "head.nii")
    (tmp_path / "elsewhere").mkdir()
    copy = shutil.copy(path, tmp_path / "elsewhere" / "other.nii")
    hu[2, 16, 20] += 1
    other = saved(image(hu), tmp_path / "changed.nii")
    first, second, third = (load_scan(file) for file in (path, copy, other))
    assert (first.uid, first.slice_uids, first.details.study_uid) == (
        *(second.uid, second.slice_uids, second.details.study_uid),
    )
    assert len({first.uid, third.uid, *first.slice_uids, *third.slice_uids}) == 12
    assert first.details.study_uid != third.details.study_uid
    assert first.slice_uids == tuple(f"{first.uid}#{number}" for number in range(1, 6))


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.5, 0.95])
def test_a_file_that_breaks_off_is_refused_in_one_line(tmp_path, hu, ending, share):
    path = saved(image(hu), tmp_path / f"head{ending}")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(
        DicomError, match=rf"^head{ending}: (is damaged|is empty|is no NIfTI|[\d,]+ bytes of values wh)"
    ):
        load_scan(path)


def test_a_changed_byte_of_a_compressed_file_is_found(tmp_path, hu):
    path = saved(image(hu), tmp_path / "head.nii")
    content = bytearray(gzip.compress(path.read_bytes(), 0))
    content[2000] ^= 1
    path = tmp_path / "head.nii.gz"
    path.write_bytes(content)
    with pytest.raises(DicomError, match=r"^head.nii.gz: is damaged .*CRC"):
        load_scan(path)


@pytest.mark.parametrize("name", ["head.nii", "head.nii.gz"])
def test_what_is_only_called_nifti_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"Dear colleague, " * 100)
    with pytest.raises(DicomError, match=f"^{name}: is "):
        load_scan(tmp_path / name)


@pytest.mark.parametrize("shape", [(32767, 32767, 32767), (40, 32, -5), (40, 0, 5), (2000, 2000, 2000)])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_an_absurd_size_is_refused_before_anything_is_inflated(tmp_path, hu, shape, ending):
    path = saved(image(hu, dtype=np.float64), tmp_path / f"head{ending}")
    opening = gzip.open if ending == ".nii.gz" else open
    with opening(path, "rb") as file:
        content = bytearray(file.read())
    content[42:48] = np.array(shape, "<i2").tobytes()
    with opening(path, "wb") as file:
        file.write(content)
    with pytest.raises(DicomError, match=r"^head.nii(.gz)?: .*values of 64 bits \(at most 8 GiB are read\)$"):
        load_scan(path)


def test_a_file_longer_than_it_says_is_not_inflated_further(tmp_path, hu):
    path = tmp_path / "head.nii.gz"
    saved(image(hu), tmp_path / "head.nii")
    with gzip.open(path, "wb") as file:
        file.write((tmp_path / "head.nii").read_bytes())
        file.write(bytes(1 << 24))
    assert np.array_equal(load_scan(path).hu, hu)


@pytest.mark.parametrize("start", [np.nan, np.inf, -352.0, 0.0, 347.0, 1e9])
def test_values_that_begin_nowhere_are_refused(tmp_path, hu, start):
    content = bytearray(image(hu).to_bytes())
    content[108:112] = np.array(start, "<f4").tobytes()
    path = tmp_path / "head.nii.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(DicomError, match=r"^head.nii.gz: is damaged \("):
        load_scan(path)


@given(position=st.integers(0, 351), value=st.integers(0, 255))
def test_no_damage_of_the_header_gives_more_than_one_line(tmp_path_factory, position, value):
    hu = np.random.default_rng(1).integers(-1000, 3000, (3, 8, 8)).astype(np.int16)
    path = tmp_path_factory.mktemp("damaged") / "head.nii"
    content = bytearray(image(hu).to_bytes())
    content[position] = value
    path.write_bytes(content)
    refusals = []
    try:
        scan = load_scan(path)
    except DicomError as error:
        refusals.append(str(error))
    else:
        assert np.isfinite(scan.positions_mm).all()
        assert scan.hu.size <= hu.size
    for refusal in refusals:
        assert "\n" not in refusal
        assert refusal.startswith(("head.nii: ", str(path)))


def test_nifti_lies_beside_dicom_in_the_worklist(tmp_path, hu):
    write_series(tmp_path / "dicom", hu, series_uid="1.2.3")
    saved(image(hu), tmp_path / "head_ct_007.nii.gz")
    saved(image(hu + 1), tmp_path / "head_ct_008.nii")
    found = find_series([tmp_path])
    assert sorted(series.description for series in found.series) == ["head_ct_007", "head_ct_008", "series 2"]
    assert len({series.stack.headers[0].details.study_uid for series in found.series}) == 3
    assert found.left_out == ()


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_file_in_an_archive_is_read(tmp_path, hu, ending):
    path = saved(image(hu), tmp_path / f"head{ending}")
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, f"cases/{path.name}")
    scan = load_scan(tmp_path / "set.zip")
    assert np.array_equal(scan.hu, hu)
    assert scan.uid == load_scan(path).uid


def test_one_refused_file_costs_the_others_nothing(tmp_path, hu):
    saved(image(hu), tmp_path / "head.nii.gz")
    (tmp_path / "broken.nii.gz").write_bytes(b"\x1f\x8b")
    found = find_series([tmp_path])
    assert [series.description for series in found.series] == ["head"]
    assert len(found.left_out) == 1
    assert found.left_out[0].text.startswith("1 × is damaged")
    assert found.left_out[0].text.endswith(": broken.nii.gz")


def test_nothing_is_missed_where_a_file_says_nothing_but_its_volume(tmp_path, hu):
    path = saved(image(hu), tmp_path / "x.nii")
    inspection = inspect([path])
    assert "x: " in inspection.as_text()
    assert inspection.as_json()["geometry"]["spacing_mm"] == list(SPACING)


def test_a_real_head_is_what_its_dicom_files_are(shared_data, need_tool, tmp_path):
    folder = shared_data / "head_ct" / "philips_ingenuity_phantom" / "S21570" / "S2010"
    command = [need_tool("dcm2niix"), "-b", "n", "-z", "n", "-f", "head", "-o", str(tmp_path), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    expected = load_scan(folder)
    scan = load_scan(tmp_path / "head.nii")
    assert np.array_equal(scan.hu, expected.hu)
    assert np.abs(scan.positions_mm - expected.positions_mm).max() < 0.01
    assert np.allclose(scan.orientation, expected.orientation, atol=1e-6)
    assert scan.spacing_mm == pytest.approx(expected.spacing_mm, rel=1e-6)
    assert np.array_equal(network_input(scan), network_input(expected))
