"""One series UID, several stacks."""

from dataclasses import replace

import numpy as np
import pytest

from ihd_core.dicom import scan_overlap
from ihd_core.dicom.series import find_series
from ihd_core.dicom.splitting import MOST_PASSES, parts
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.dicom.header_of import header_of

UID = "1.2.3"
TINY = np.zeros((40, 8, 8), np.int16)


def headers(folder, heights, tags=None, *, tags_per_slice=None, **options):
    """Slices of one UID at some heights, mm; options as for write_series. Equal slices are written only once."""
    options = {"series_uid": UID, "spacing_mm": (5.0, 0.5, 0.5), "hu": TINY[:1], **options}
    hu = options.pop("hu")[:1]
    written = {}
    found = []
    for index, height in enumerate(heights):
        own = {**(tags or {}), **(tags_per_slice(index) if tags_per_slice else {})}
        if repr(own) not in written:
            (path,) = write_series(folder / str(len(written)), hu, slice_uids=["1.2.3.1"], tags=own, **options)
            written[repr(own)] = header_of(path)
        header = written[repr(own)]
        number = own.get("InstanceNumber", index + 1)
        file = replace(header.file, path=folder / f"{index:03d}.dcm")
        uid, position = f"1.2.3.{folder.name}.{index}", (0.0, 0.0, float(height))
        found.append(replace(header, file=file, sop_uid=uid, position=position, instance_number=number))
    return found


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


@pytest.mark.parametrize("offset", [0, 0.03, 0.5, 1, 2.5, 20, 40])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"StudyInstanceUID": "1.1"}, {"StudyInstanceUID": "1.2"}),
        ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}),
        ({"AcquisitionTime": "100000"}, {"AcquisitionTime": "100500"}),
        ({"KVP": "80"}, {"KVP": "140"}),
        ({"SeriesNumber": 1}, {"SeriesNumber": 2}),
        ({"SeriesDescription": "HEAD"}, {"SeriesDescription": "HEAD REPEAT"}),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}, {"ImageType": ["DERIVED", "SECONDARY", "AXIAL"]}),
        ({"FrameOfReferenceUID": "1.1"}, {"FrameOfReferenceUID": "1.2"}),
        ({"ConvolutionKernel": "H30s"}, {"ConvolutionKernel": "H31s"}),
        ({"ConvolutionKernel": "H30s"}, {"ConvolutionKernel": "H60s"}),
        ({}, {"ContrastBolusAgent": "Ultravist"}),
        ({"SliceThickness": 5}, {"SliceThickness": 4}),
        ({"SliceThickness": 5}, {"SliceThickness": 1}),
        ({"SliceThickness": None, "AcquisitionNumber": 1}, {"SliceThickness": None, "AcquisitionNumber": 2}),
        ({"SliceThickness": 0, "KVP": "80"}, {"SliceThickness": 0, "KVP": "140"}),
    ],
)
def test_two_scans_in_one_part_of_the_body_are_apart(tmp_path, first, second, offset):
    lower = headers(tmp_path / "2", np.arange(0, 60, 5.0), first)
    upper = headers(tmp_path / "1", offset + np.arange(0, 60, 5.0), second)
    expected = {frozenset(h.sop_uid for h in scan) for scan in (lower, upper)}
    assert {frozenset(h.sop_uid for h in part.slices) for part in parts(lower + upper)} == expected


@pytest.mark.parametrize("offset", [0, 0.03, 0.5, 2.5, 20])
def test_a_second_run_of_slice_numbers_is_a_second_scan(tmp_path, offset):
    lower = headers(tmp_path / "2", np.arange(0, 60, 5.0))
    upper = headers(
        tmp_path / "1", offset + np.arange(0, 60, 5.0), tags_per_slice=lambda i: {"InstanceNumber": 101 + i}
    )
    one, other = parts(upper + lower)
    assert [{h.instance_number > 100 for h in part.slices} for part in (one, other)] == [{False}, {True}]


def test_two_studies_are_named_wherever_they_lie(tmp_path):
    members = headers(tmp_path / "1", range(0, 50, 5), {"StudyInstanceUID": "1.1"})
    members += headers(tmp_path / "2", range(50, 60, 5), {"StudyInstanceUID": "1.2"})
    assert {part.called: len(part.slices) for part in parts(members)} == {
        "StudyInstanceUID 1.1": 10,
        "StudyInstanceUID 1.2": 2,
    }


def test_spiral_passes_are_told_by_the_pause_between_them(tmp_path):
    """Every slice has a time of its own; two passes of three follow each other at once."""
    members, scans = [], []
    for number, start in enumerate((10, 15, 40)):
        times = [f"1000{start + 0.3 * index:05.2f}" for index in range(12)]
        scan = headers(
            tmp_path / str(number),
            0.5 * number + np.arange(0, 60, 5.0),
            tags_per_slice=lambda i, times=times: {"AcquisitionTime": times[i]},
        )
        scans.append(frozenset(h.sop_uid for h in scan))
        members += scan
    found = parts(members[::-1])
    assert [frozenset(h.sop_uid for h in part.slices) for part in found] == scans
    assert len({part.called for part in found}) == 3


def test_each_of_two_passes_may_have_an_acquisition_for_every_table_position(tmp_path):
    members = headers(tmp_path / "1", range(0, 80, 5), tags_per_slice=lambda i: {"AcquisitionNumber": 1 + i // 4})
    members += headers(
        tmp_path / "2", np.arange(0.5, 80, 5), tags_per_slice=lambda i: {"AcquisitionNumber": 5 + i // 4}
    )
    one, other = parts(members)
    assert heights_of(one) == list(range(0, 80, 5))
    assert (one.called, other.called) == ("acquisitions 1 to 4", "acquisitions 5 to 8")


def test_an_incremental_scan_repeated_is_two_though_every_slice_is_an_acquisition(tmp_path):
    members = headers(tmp_path / "1", range(0, 60, 5), tags_per_slice=lambda i: {"AcquisitionNumber": 1 + i})
    members += headers(tmp_path / "2", np.arange(1, 61, 5), tags_per_slice=lambda i: {"AcquisitionNumber": 21 + i})
    assert [heights_of(part) for part in parts(members)] == [list(range(0, 60, 5)), list(range(1, 61, 5))]


def test_a_slice_that_the_first_pass_lacks_does_not_come_from_the_second(tmp_path):
    first = headers(tmp_path / "1", [height for height in range(0, 60, 5) if height != 30])
    second = headers(tmp_path / "2", range(0, 60, 5), tags_per_slice=lambda i: {"InstanceNumber": 21 + i})
    assert [len(part.slices) for part in parts(first + second)] == [11, 12]


def test_acquisitions_that_overlap_by_more_than_half_are_two_scans(tmp_path):
    members = headers(tmp_path / "1", range(0, 100, 5), {"AcquisitionNumber": 1})
    members += headers(tmp_path / "2", range(25, 125, 5), {"AcquisitionNumber": 2})
    assert [heights_of(part) for part in parts(members)] == [list(range(0, 100, 5)), list(range(25, 125, 5))]


def test_scans_that_follow_each_other_may_share_their_ends(tmp_path):
    """Skull base and vertex, each a spiral of 40 slices, overlapping by 4."""
    members = headers(tmp_path / "1", range(40), {"AcquisitionNumber": 1, "SliceThickness": 1})
    members += headers(tmp_path / "2", range(36, 76), {"AcquisitionNumber": 2, "SliceThickness": 1})
    assert max(counts(members)) == 76


@pytest.mark.parametrize("tag", ["ImageType", "AcquisitionTime", "SeriesDescription"])
def test_a_tag_that_differs_at_random_within_a_scan_parts_nothing(tmp_path, tag):
    drawn = np.random.default_rng(3).integers(0, 2, 40)
    values = {"ImageType": ["ORIGINAL", "DERIVED"], "AcquisitionTime": ["100000", "100500"]}.get(tag, ["A", "B"])
    members = headers(
        tmp_path / "1",
        np.arange(0, 80, 2.0),
        {"SliceThickness": 4},
        tags_per_slice=lambda i: {tag: values[drawn[i]]},
    )
    assert counts(members) == [40]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("tags", "offset"),
    [
        ({"ConvolutionKernel": "H60s"}, 10),
        ({"ConvolutionKernel": "H60s"}, 60),
        ({"ContrastBolusAgent": "Ultravist"}, 10),
        ({"ContrastBolusAgent": "Ultravist"}, 60),
        ({"StudyInstanceUID": "1.9"}, 60),
        ({"KVP": "80"}, 11),
        ({"AcquisitionNumber": 2}, 11),
    ],
)
def test_not_even_one_slice_of_another_scan_is_taken_in(tmp_path, count, tags, offset):
    members = headers(tmp_path / "1", range(0, 60, 5), {"ConvolutionKernel": "H30s"})
    tags = {"ConvolutionKernel": "H30s", **tags}
    members += headers(tmp_path / "2", offset + np.arange(0, 5 * count, 5), tags)
    assert counts(members) == [12, count]


@pytest.mark.parametrize("agent", ["NONE", " no ", "ohne KM", ""])
def test_no_agent_is_no_agent_in_any_words(tmp_path, agent):
    members = headers(tmp_path / "1", range(0, 30, 5)) + headers(
        tmp_path / "2", range(30, 60, 5), {"ContrastBolusAgent": agent}
    )
    assert counts(members) == [12]


def test_images_that_tie_are_ordered_by_their_set_and_never_by_their_names(tmp_path):
    """Two reconstructions without kernels, with equal slice numbers, under random names in one folder."""
    first = headers(tmp_path / "1", range(0, 60, 5))
    second = headers(tmp_path / "2", range(0, 60, 5))
    expected = {frozenset(h.sop_uid for h in scan) for scan in (first, second)}
    for seed in range(3):
        names = [f"{name:x}" for name in np.random.default_rng(seed).integers(1 << 30, size=24)]
        copies = [
            replace(h, file=replace(h.file, path=tmp_path / name))
            for h, name in zip(first + second, names, strict=True)
        ]
        assert {frozenset(h.sop_uid for h in part.slices) for part in parts(copies)} == expected


def test_rounding_of_heights_mixes_no_passes(tmp_path):
    noise = np.random.default_rng(1).normal(0, 1e-4, (2, 20))
    scans = [
        headers(tmp_path / str(k), 0.05 + np.arange(0, 100, 5.0) + noise[k], {"AcquisitionTime": f"10000{k}"})
        for k in range(2)
    ]
    found = [frozenset(h.sop_uid for h in part.slices) for part in parts(scans[1] + scans[0])]
    assert found == [frozenset(h.sop_uid for h in scan) for scan in scans]


def test_the_right_and_the_left_ear_are_apart(tmp_path):
    """Equal heights and numbers, and nothing but the place in the plane tells them."""
    scans = []
    for index, beside in enumerate((0.0, 60.0)):
        positions = np.array([[beside, 0, height] for height in np.arange(0, 12, 0.6)])
        uids = [f"1.2.9.{number}" for number in range(index, 40, 2)]
        paths = write_series(tmp_path / str(index), TINY[:20], series_uid=UID, positions_mm=positions, slice_uids=uids)
        scans.append([header_of(path) for path in paths])
    found = parts([header for pair in zip(*scans, strict=True) for header in pair])
    assert [{h.position[0] for h in part.slices} for part in found] == [{0}, {60}]
    assert all("first pixel at" in part.called for part in found)


@pytest.mark.parametrize("degrees", [0, 18.5])
def test_a_table_moved_once_does_not_part_a_scan(tmp_path, degrees):
    angle = np.radians(degrees)
    turned = np.array([[1.0, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    positions = np.array([[30.0 * (height >= 50), 0, height] for height in range(0, 100, 5)])
    paths = write_series(tmp_path, TINY[:20], series_uid=UID, orientation=turned, positions_mm=positions)
    assert counts([header_of(path) for path in paths]) == [20]


def test_many_acquisitions_that_follow_each_other_are_compared_with_their_neighbours_only(tmp_path, monkeypatch):
    (header,) = headers(tmp_path / "1", [0])
    members = [
        replace(header, acquisition=(i // 3, ""), instance_number=i, sop_uid=str(i), position=(0.0, 0.0, 0.6 * i))
        for i in range(1200)
    ]
    compared = []
    are_two = scan_overlap._are_two
    monkeypatch.setattr(scan_overlap, "_are_two", lambda *pair, **how: compared.append(1) or are_two(*pair, **how))
    assert [len(part.slices) for part in parts(members)] == [1200]
    assert len(compared) < 1200


@pytest.mark.parametrize("thickness", [2, 3, 4, 5, 6])
def test_of_equal_passes_the_first_is_listed_first(tmp_path, thickness):
    for number in (2, 1):
        tags = {"AcquisitionNumber": number, "SliceThickness": thickness}
        uids = [f"1.2.{number}.{index}" for index in range(4)]
        write_series(tmp_path / str(3 - number), TINY[:4], series_uid=UID, slice_uids=uids, tags=tags)
    found = find_series([tmp_path]).series
    assert [one.stack.headers[0].acquisition[0] for one in found] == [1, 2]


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
    again = [replace(h, file=replace(h.file, path=tmp_path / "2" / h.file.path.name)) for h in first]
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


@pytest.mark.parametrize(
    ("keyword", "spellings"),
    [
        ("PatientName", ["M\u00fcller^J", "Mu\u0308ller^J", "M\u00dcLLER^J^^"]),
        ("PatientName", ["DOE^JOHN", "DOE ^JOHN", "Doe^ John", "DOE^JOHN=x"]),
        ("PatientBirthDate", [b"19500101", b"1950.01.01"]),
        ("PatientID", ["P7", " P7"]),
    ],
)
def test_one_patient_in_several_spellings_is_one(tmp_path, keyword, spellings):
    members = headers(
        tmp_path / "1",
        range(0, 5 * len(spellings), 5),
        {"SpecificCharacterSet": "ISO_IR 192"},
        tags_per_slice=lambda i: {keyword: spellings[i]},
    )
    (part,) = parts(members)
    assert part.conflict == ""


def test_names_are_shown_as_they_stand(tmp_path):
    first = headers(tmp_path / "1", range(0, 50, 5), {"PatientName": "Doe ^John"})
    second = headers(tmp_path / "2", range(0, 50, 5), {"PatientName": "ROE^ANN"})
    assert {part.conflict for part in parts(first + second)} == {"PatientName Doe ^John and ROE^ANN"}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (lambda i: 0.01 * round(0.2 * (i % 2)), [40]),  # two digits of rounding
        (lambda i: 9e-5 * i, [40]),  # drift
        (lambda i: 5e-3 * (i == 7), [40]),
        (lambda i: 0.02 * (i >= 30), [30, 10]),  # 1.1 degrees
    ],
)
def test_noise_of_the_orientation_parts_nothing_and_a_turn_does(tmp_path, seed, turn, expected):
    members = headers(
        tmp_path / "1",
        np.arange(0, 200, 5.0),
        tags_per_slice=lambda i: {"ImageOrientationPatient": [1, turn(i), 0, -turn(i), 1, 0]},
    )
    shuffled = [members[index] for index in np.random.default_rng(seed).permutation(40)]
    assert counts(shuffled) == expected


def test_pixel_spacing_within_a_thousandth_is_one(tmp_path):
    members = headers(
        tmp_path / "1", range(0, 50, 5), tags_per_slice=lambda i: {"PixelSpacing": [0.5 + 4e-4 * (i % 2)] * 2}
    )
    assert counts(members) == [10]


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


def test_a_slice_that_does_not_name_the_agent_of_all_others_stays_with_them(tmp_path):
    def agent(index):
        return {"ContrastBolusAgent": "Ultravist" if index else None}

    assert counts(headers(tmp_path / "1", range(0, 50, 5), tags_per_slice=agent)) == [10]


def test_a_slice_with_an_agent_never_enters_a_scan_without(tmp_path):
    def agent(index):
        return {"ContrastBolusAgent": None if index else "Ultravist"}

    assert counts(headers(tmp_path / "1", range(0, 50, 5), tags_per_slice=agent)) == [9, 1]
