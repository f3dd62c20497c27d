from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ihd_core.dicom.geometry import stack
from ihd_core.dicom.kinds import why_left_out
from ihd_core.dicom.ranking import table
from ihd_core.dicom.ranking.facts import kernel_kind
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.dicom.header_of import header_of
from tests.ihd_core.dicom.ranking.studies import MIP, MPR, STUDIES, Given, kernelless, stack_of, wordless

ROUTINE = Given("Head 5mm", "H30s", 5, 28)


def score(stack):
    return table.score(table.judged(stack))


def reason(stack):
    return table.reason(table.judged(stack))


@pytest.fixture(scope="module")
def header(tmp_path_factory):
    (path,) = write_series(tmp_path_factory.mktemp("any"), np.zeros((1, 2, 2), np.int16))
    return header_of(path)


@pytest.fixture
def scores(header):
    def scores(series, changed=lambda given: given):
        return {name: score(stack_of(header, changed(given))) for name, given in series.items()}

    return scores


def groups(study):
    """Names of every group: those of one word, and those of two that are in the study."""
    found = []
    for group in study.order:
        names = [name for name in study.series if name == group]
        words = group
        for name in sorted(study.series, key=len, reverse=True) if not names else []:
            if f" {name} " in f" {words} ":
                names.append(name)
                words = f" {words} ".replace(f" {name} ", "  ")
        found.append(names)
    return found


def best(scores):
    return {name for name, score in scores.items() if score == max(scores.values())}


each_study = pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)


@each_study
def test_the_series_of_a_study_are_in_the_order_of_a_radiologist(study, scores):
    found = scores(study.series)
    order = groups(study)
    assert all(order)
    assert best(found) == set(order[0])
    for better, worse in pairwise(order):
        assert min(found[name] for name in better) > max(found[name] for name in worse), (better, worse, found)


@each_study
def test_geometry_and_kernel_alone_find_the_same_best_series(study, scores):
    assert best(scores(study.series, wordless)) <= set(study.blind.split() or groups(study)[0])


@each_study
def test_words_and_geometry_find_the_same_best_series_without_a_kernel(study, scores):
    assert best(scores(study.series, kernelless)) == set(groups(study)[0])


@each_study
def test_every_reason_is_one_line_with_the_facts(study, header):
    for given in study.series.values():
        text = reason(stack_of(header, given))
        assert "\n" not in text
        assert f"{given.slices} slice{'s' * (given.slices > 1)} over" in text
        assert given.kernel in text
        assert given.agent in text
        assert given.plane in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"plane": "sagittal"}, "sagittal"),
        ({"plane": "coronal"}, "coronal"),
        ({"tilt": 40}, "oblique by 40°"),
        ({"images": 20}, "20 images of every place over time"),
        ({"slices": 4}, "only 4 slices over 20 mm"),
        ({"slices": 9, "mm": 9}, "only 9 slices over 81 mm"),
        ({"description": "HWS"}, "spine instead of head"),
        ({"description": "", "body": "CHEST"}, "chest instead of head"),
        ({"description": "", "body": "", "study": "CT NNH"}, "sinuses instead of head"),
        ({"description": "", "field": 420}, "a body in a field of 420 mm instead of head"),
        ({"description": "Head MIP"}, "projection of several slices"),
        ({"image_type": MIP}, "projection of several slices"),
        ({"description": "Head VNC"}, "computed picture"),
        ({"description": "CTA head"}, "angiography"),
        ({"kernel": "Hv36"}, "angiography"),
        ({"description": "Head CTP"}, "perfusion"),
        ({"image_type": ("ORIGINAL", "PRIMARY", "PERFUSION")}, "perfusion"),
        ({"description": "Monitoring"}, "bolus tracking"),
        ({"kernel": "H60s"}, "bone kernel H60s"),
        ({"kernel": "B70f"}, "bone kernel B70f, kernel for the body"),
        ({"kernel": "", "description": "Kopf Knochen"}, "called bone"),
        ({"kernel": "XYZ"}, "unknown kernel XYZ"),
        ({"kernel": ""}, "kernel not named"),
        ({"kernel": "H50s"}, "medium kernel H50s"),
        ({"kernel": "B30s"}, "kernel for the body"),
        ({"agent": "Iodine"}, "contrast agent Iodine"),
        ({"agent": "Iodine", "description": "Head W/O"}, "contrast agent Iodine though called unenhanced"),
        ({"description": "Head C+"}, "called contrast-enhanced"),
        ({"slices": 70}, "350 mm long (a head: 250 at most)"),
        ({"field": 500}, "field of view 500 mm (a head: 180 to 300)"),
        ({"field": 120}, "field of view 120 mm (a head: 180 to 300)"),
        ({"image_type": MPR}, "reformatted"),
        ({"mm": 0.625, "slices": 240}, "0.6 mm (routine: 2.5 to 5.0)"),
        ({"mm": 10, "slices": 15}, "10.0 mm (routine: 2.5 to 5.0)"),
        ({"description": "Head stereotaxis"}, "made to plan or guide treatment"),
        ({"mm": 2.5, "gap": 5.0}, "2.5 mm slices 5.0 mm apart"),
        ({"matrix": 128}, "matrix 128 × 128"),
    ],
)
def test_each_shortcoming_ranks_below_the_routine_series_and_is_said(header, change, said):
    routine, other = stack_of(header, ROUTINE), stack_of(header, replace(ROUTINE, **change))
    assert score(other) < score(routine)
    assert said in reason(other).partition("against it: ")[2]


def test_the_reason_of_a_routine_series_has_nothing_against_it(header):
    assert reason(stack_of(header, ROUTINE)) == (
        "axial, 28 slices over 140 mm, head, soft kernel H30s, no contrast agent named, 5.0 mm"
    )
    unenhanced = replace(ROUTINE, description="", body="", agent="NONE", study="CCT")
    assert reason(stack_of(header, unenhanced)) == reason(stack_of(header, ROUTINE))


def test_the_reason_says_first_what_is_for_a_series_then_what_is_against_it(header):
    given = Given("Kopf Knochen 1.0", "H60s", 1, 160, agent="Ultravist")
    assert reason(stack_of(header, given)) == (
        "axial, 160 slices over 160 mm, head; against it: bone kernel H60s, contrast agent Ultravist, "
        "1.0 mm (routine: 2.5 to 5.0)"
    )


def test_a_header_that_says_nothing_is_judged_from_its_geometry(header):
    given = Given(mm=5, slices=28, body="", scanner="")
    assert reason(stack_of(header, given)) == (
        "axial, 28 slices over 140 mm, region not named, no contrast agent named, 5.0 mm; against it: kernel not named"
    )


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        # 13 gaps of 4 mm, one of 1.08 and 13 of 7, and the last slice of 7 mm: 151 mm.
        (
            "head_ct/ge_hispeed_tilt",
            "axial, 28 slices over 151 mm, head, soft kernel STD+, no contrast agent named; "
            "against it: 4.0 to 7.0 mm (routine: 2.5 to 5.0)",
        ),
        (
            "head_ct/philips_ingenuity_phantom/S21570/S2010",
            "axial, 28 slices over 140 mm, head, soft kernel UB, no contrast agent named, 5.0 mm",
        ),
        (
            "head_ct/philips_ingenuity_phantom/S21610/S2010",
            "axial, 54 slices over 128 mm, head, soft kernel UB, no contrast agent named, 2.5 mm; "
            "against it: made to plan or guide treatment",
        ),
        (
            "geometry_failures/notavolume/001",
            "axial, region not named, no contrast agent named; against it: 4 images of every place over time, "
            "only 1 slice over 1 mm, 1.0 mm (routine: 2.5 to 5.0), kernel not named",
        ),
    ],
)
def test_real_series_are_judged_by_what_is_known_of_them(shared_data, folder, expected):
    headers = [header_of(path) for path in sorted((shared_data / folder).iterdir()) if path.is_file()]
    assert reason(stack([header for header in headers if not why_left_out(header)])) == expected


@pytest.mark.parametrize("tilt", [0.5, 18.5, 30])
def test_a_tilted_gantry_is_no_shortcoming(header, tilt):
    assert score(stack_of(header, replace(ROUTINE, tilt=tilt))) == score(stack_of(header, ROUTINE))


@pytest.mark.parametrize("images", [1, 2])
def test_a_file_that_was_sent_twice_makes_no_series_over_time(header, images):
    assert "over time" not in reason(stack_of(header, replace(ROUTINE, images=images)))


CTA = replace(ROUTINE, description="CTA", agent="Iodine", mm=0.75, slices=250)
SPINE = replace(ROUTINE, description="HWS", kernel="B31f", mm=2, slices=100, field=150)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"kernel": "H60s"}, {"slices": 4}),
        ({"agent": "Iodine"}, {"images": 25}),
        ({"kernel": "H60s", "mm": 1, "slices": 150}, SPINE),
        ({"kernel": "H60s", "mm": 1, "slices": 150}, CTA),
        ({"agent": "Iodine"}, {"kernel": "H60s"}),
        ({"agent": "Iodine"}, {"image_type": MIP}),
        ({"slices": 60}, {"agent": "Iodine"}),
        ({"field": 310}, {"slices": 60}),
        ({"mm": 1, "slices": 150}, {"field": 500}),
        ({"image_type": MPR}, {"mm": 1, "slices": 150}),
        ({"image_type": MPR}, {"kernel": "XYZ"}),
        ({"kernel": "H50s"}, {"mm": 0.6, "slices": 250}),
        ({"mm": 1, "slices": 150}, {"mm": 1, "slices": 150, "kernel": "H50s"}),
        ({"mm": 7, "slices": 20}, {"agent": "Iodine"}),
        ({"kernel": "B30f"}, {"kernel": "H50s"}),
        (SPINE, {"plane": "sagittal"}),
    ],
)
def test_between_two_that_both_fall_short_the_more_useful_comes_first(scores, better, worse):
    given = [one if isinstance(one, Given) else replace(ROUTINE, **one) for one in (better, worse)]
    found = scores(dict(enumerate(given)))
    assert found[0] > found[1]


def test_the_table_is_judged_row_by_row_and_adds_up_to_the_score(header):
    one = stack_of(header, replace(ROUTINE, kernel="H60s"))
    rows = table.judged(one)
    assert [row.name for row in rows] == [row.name for row in table.RANKING]
    assert sum(row.points for row in rows) == score(one)
    assert [row.text for row in rows if not row.holds] == ["bone kernel H60s", "bone kernel H60s", ""]
    assert [row.text for row in rows if row.holds and row.is_said] == [
        *("axial", "28 slices over 140 mm", "head", "no contrast agent named", "5.0 mm")
    ]
    assert all(row.text for row in rows if row.holds)
    assert all((row.points > 0) == row.holds for row in rows)


def test_each_row_of_the_table_outweighs_all_below_it(header):
    points = [row.points for row in table.judged(stack_of(header, replace(ROUTINE, description="Head W/O")))]
    assert all(points)
    assert all(points[i] > sum(points[i + 1 :]) for i in range(len(points)))


def test_slices_of_two_thicknesses_are_judged_by_most_of_them(header):
    slices = stack_of(header, replace(ROUTINE, slices=20)).headers
    thick = [replace(one, details=replace(one.details, thickness_mm=10.0)) for one in slices[12:]]
    mixed = stack([*slices[:12], *thick])
    assert "5.0 to 10.0 mm" in reason(mixed).partition("; against")[0]


def test_without_a_thickness_the_distance_counts(header):
    assert "4.0 mm" in reason(stack_of(header, replace(ROUTINE, mm=0, gap=4.0, slices=40)))


@pytest.mark.parametrize(
    ("kernel", "description", "kind"),
    [
        ("H30s", "Kopf Knochen", "soft"),
        ("H60s", "Weichteil", "bone"),
        ("", "Kopf Knochen", "bone"),
        ("", "HEAD 5MM STD", "soft"),
        ("", "KOPF_NATIV_5.0_H31s", "soft"),
        ("", "Kopf 1.0 J70h", "bone"),
        ("XYZ", "crâne os", "bone"),
        ("XYZ", "crâne", "unknown"),
        ("", "", "unknown"),
        ("EC", "", "unknown"),
    ],
)
def test_the_kernel_counts_first_and_the_words_second(kernel, description, kind):
    assert kernel_kind(kernel, description) == kind
