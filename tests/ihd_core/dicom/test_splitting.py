"""One series UID, several stacks."""

import numpy as np
import pytest

from ihd_core.dicom.splitting import MOST_PASSES, parts
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.dicom.header_of import header_of

UID = "1.2.3"
TINY = np.zeros((40, 8, 8), np.int16)


def headers(folder, heights, tags=None, **options):
    """Slices of one UID at some heights, mm; options as for write_series."""
    positions = np.array([[0.0, 0, height] for height in heights])
    options = {"series_uid": UID, "spacing_mm": (5.0, 0.5, 0.5), **options}
    hu = options.pop("hu", TINY[: len(positions)])
    uids = [f"1.2.3.{folder.name}.{index}" for index in range(len(positions))]
    paths = write_series(folder, hu, positions_mm=positions, slice_uids=uids, tags=tags, **options)
    return [header_of(path) for path in paths]


def counts(members):
    return sorted((len(part.slices) for part in parts(members)), reverse=True)


def heights_of(part):
    return sorted(header.position[2] for header in part.slices)


def test_an_ordinary_scan_is_one_part(tmp_path):
    (part,) = parts(headers(tmp_path / "1", range(0, 50, 5)))
    assert (len(part.slices), part.called, part.conflict) == (10, "", "")


@pytest.mark.parametrize(
    "tags", [{"AcquisitionNumber": 2}, {"SliceThickness": 7}, {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}]
)
def test_what_differs_within_ordinary_scans_parts_nothing(tmp_path, tags):
    lower, upper = headers(tmp_path / "1", range(0, 30, 5)), headers(tmp_path / "2", range(30, 60, 5), tags)
    assert counts(lower + upper) == [12]


def test_every_slice_may_be_an_acquisition_of_its_own(tmp_path):
    """As in old incremental scans; the real head of the shared data has 21 numbers in 28 slices."""
    members = headers(tmp_path / "1", range(0, 60, 5), tags_per_slice=lambda index: {"AcquisitionNumber": index // 2})
    assert counts(members) == [12]


def test_the_same_positions_a_second_time_are_a_second_stack(tmp_path):
    first = headers(tmp_path / "1", range(0, 50, 5), {"AcquisitionNumber": 1})
    second = headers(tmp_path / "2", range(0, 50, 5), {"AcquisitionNumber": 2})
    one, other = parts([header for pair in zip(second, first, strict=True) for header in pair])
    assert {header.acquisition[0] for header in one.slices} == {1}
    assert {header.acquisition[0] for header in other.slices} == {2}
    assert (one.called, other.called) == ("", "pass 2 over the same positions")


def test_part_of_the_head_a_second_time_leaves_the_first_whole(tmp_path):
    """As when the patient moved and some slices were repeated."""
    first = headers(tmp_path / "1", range(0, 100, 5), {"AcquisitionTime": "101010"})
    second = headers(tmp_path / "2", range(40, 70, 5), {"AcquisitionTime": "101510"})
    one, other = parts(second + first)
    assert heights_of(one) == list(range(0, 100, 5))
    assert heights_of(other) == list(range(40, 70, 5))


def test_a_repeated_slice_or_two_are_no_stack(tmp_path):
    members = headers(tmp_path / "1", [0, 5, 10, 15, 20]) + headers(tmp_path / "2", [5, 10])
    assert counts(members) == [7]


def test_a_copy_of_every_file_is_no_second_stack(tmp_path):
    first = headers(tmp_path / "1", range(0, 50, 5))
    again = [header_of(path) for path in sorted((tmp_path / "1").iterdir())]
    assert counts(first + again) == [20]


def test_a_series_in_time_stays_together(tmp_path):
    members = []
    for moment in range(MOST_PASSES + 1):
        members += headers(tmp_path / str(moment), range(0, 40, 10), {"AcquisitionNumber": moment})
    assert counts(members) == [4 * (MOST_PASSES + 1)]


def test_two_acquisitions_between_each_others_slices_are_apart(tmp_path):
    """Half a millimetre apart after the patient breathed: sorted by place they would interleave."""
    first = headers(tmp_path / "1", np.arange(0, 50, 5.0), {"AcquisitionNumber": 1, "SliceThickness": 5})
    second = headers(tmp_path / "2", np.arange(0.5, 50, 5.0), {"AcquisitionNumber": 2, "SliceThickness": 5})
    one, other = parts(first + second)
    assert heights_of(one) == list(np.arange(0, 50, 5.0))
    assert heights_of(other) == list(np.arange(0.5, 50, 5.0))
    assert (one.called, other.called) == ("acquisition 1", "acquisition 2")


def test_every_second_slice_taken_later_is_one_scan(tmp_path):
    even = headers(tmp_path / "1", range(0, 100, 10), {"AcquisitionNumber": 1, "SliceThickness": 5})
    odd = headers(tmp_path / "2", range(5, 100, 10), {"AcquisitionNumber": 2, "SliceThickness": 5})
    assert counts(even + odd) == [20]


@pytest.mark.parametrize(
    ("first", "second", "shift", "expected"),
    [
        ("H30s", "H60s", 0, [10, 10]),  # the same places
        ("H30s", "H31s", 0, [10, 10]),
        ("H30s", "H31s", 2.5, [10, 10]),  # between each other's slices
        ("H30s", "H31s", 50, [20]),  # another kernel further up
        ("H30s", "H60s", 50, [10, 10]),  # soft and bone are never one
        ("H30s", "", 50, [20]),
    ],
)
def test_kernels_are_never_mixed_in_one_place(tmp_path, first, second, shift, expected):
    members = headers(tmp_path / "1", np.arange(0, 50, 5.0), {"ConvolutionKernel": first})
    members += headers(tmp_path / "2", shift + np.arange(0, 50, 5.0), {"ConvolutionKernel": second})
    assert counts(members) == expected


def test_before_and_after_contrast_are_apart(tmp_path):
    members = headers(tmp_path / "1", range(0, 50, 5)) + headers(
        tmp_path / "2", range(2, 52, 5), {"ContrastBolusAgent": "Ultravist"}
    )
    assert counts(members) == [10, 10]


@pytest.mark.parametrize("change", ["orientation", "matrix", "pixels"])
def test_what_cannot_be_one_volume_is_apart(tmp_path, change):
    turned = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    options = {
        "orientation": {"orientation": turned},
        "matrix": {"hu": TINY[:6, :, :6]},
        "pixels": {"spacing_mm": (5.0, 0.4, 0.4)},
    }
    members = headers(tmp_path / "1", range(0, 50, 5)) + headers(tmp_path / "2", range(50, 80, 5), **options[change])
    assert counts(members) == [10, 6]


def test_two_patients_are_apart_and_both_named(tmp_path):
    first = headers(tmp_path / "1", range(0, 50, 5), {"PatientID": "A"})
    second = headers(tmp_path / "2", range(50, 80, 5), {"PatientID": "B"})
    nobody = headers(tmp_path / "3", range(80, 100, 5), {"PatientID": None})
    found = parts(first + second + nobody)
    assert {part.called: len(part.slices) for part in found} == {
        "PatientID A": 10,
        "PatientID B": 6,
        "PatientID unknown": 4,
    }
    assert {part.conflict for part in found} == {"PatientID A and B"}


def test_the_order_of_the_files_changes_nothing(tmp_path):
    members = headers(tmp_path / "1", range(0, 50, 5), {"ConvolutionKernel": "H30s"})
    members += headers(tmp_path / "2", range(0, 50, 5), {"ConvolutionKernel": "H60s"})
    members += headers(tmp_path / "3", range(0, 50, 5), {"ConvolutionKernel": "H60s", "AcquisitionNumber": 2})
    expected = {frozenset(str(header.file) for header in part.slices) for part in parts(members)}
    assert len(expected) == 3
    for seed in range(5):
        shuffled = [members[index] for index in np.random.default_rng(seed).permutation(len(members))]
        assert {frozenset(str(header.file) for header in part.slices) for part in parts(shuffled)} == expected
