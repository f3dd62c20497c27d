import json

import pytest

from ihd_core.errors import StudyError
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.study.design import RatingPlan
from ihd_core.study.item_lists import (
    CONCORDANT,
    DISCORDANT,
    ModelCase,
    adjudication_list,
    model_cases,
    rating_list,
    rating_rule,
)
from ihd_core.study.phases import Item
from ihd_core.study.truth import Truth
from tests.ihd_core.study.studies import case, protocol

ANY, SDH = Label.ANY, Label.SUBDURAL
LABELS = (ANY, SDH)


def study(concordant=0, cases=1):
    found = tuple(case(number) for number in range(1, cases + 1))
    return protocol(cases=found, labels=LABELS, rating=RatingPlan(concordant=concordant))


def calls(any_, sdh):
    return {ANY: bool(any_), SDH: bool(sdh)}


def model(scan, *slices):
    return ModelCase(calls(*scan), tuple(calls(*one) for one in slices), tuple(f"u{n}" for n in range(len(slices))))


def listed(truth, said, wrong=(), **options):
    drawn = rating_list(study(**options), truth, {"c01": said}, {"c01": frozenset(wrong)})
    return sorted((one.item.slice_index, str(one.item.label), one.stratum) for one in drawn)


# Slice 0: nothing; 1: the model is right; 2: the model is wrong on SDH; 3: the model misses SDH, and any is right.
SLICES = {"c01": {0: calls(0, 0), 1: calls(1, 1), 2: calls(1, 0), 3: calls(1, 1)}}
SAID = model((1, 1), (0, 0), (1, 1), (1, 1), (1, 0))
SCAN = {"c01": calls(1, 1)}


def test_a_slice_on_which_the_model_is_wrong_is_listed_with_all_labels_called_on_it():
    assert listed(Truth(SCAN, SLICES), SAID) == [
        (2, "any", DISCORDANT),
        (2, "subdural", DISCORDANT),
        (3, "any", DISCORDANT),
    ]


def test_what_a_reader_got_wrong_adds_the_slices_where_it_is():
    assert listed(Truth(SCAN, SLICES), SAID, [SDH]) == [
        (1, "any", DISCORDANT),
        (1, "subdural", DISCORDANT),
        (2, "any", DISCORDANT),
        (2, "subdural", DISCORDANT),
        (3, "any", DISCORDANT),
    ]


def test_without_slice_truth_a_wrong_label_lists_its_own_slices():
    assert listed(Truth(SCAN), SAID) == []
    assert listed(Truth(SCAN), SAID, [SDH]) == [(1, "subdural", DISCORDANT), (2, "subdural", DISCORDANT)]
    assert listed(Truth({"c01": calls(1, 0)}), SAID) == [(1, "subdural", DISCORDANT), (2, "subdural", DISCORDANT)]


def test_concordant_ones_are_drawn_label_by_label_with_weights():
    said = {"c01": SAID, "c02": SAID, "c03": SAID}
    truth = Truth({name: calls(1, 1) for name in said})
    plan = study(concordant=1, cases=3)
    drawn = rating_list(plan, truth, said, {"c01": frozenset([SDH])})
    discordant = [one for one in drawn if one.stratum == DISCORDANT]
    sample = [one for one in drawn if one.stratum == CONCORDANT]
    assert {(one.item.case, one.item.slice_index, one.item.label) for one in discordant} == {
        ("c01", 1, SDH),
        ("c01", 2, SDH),
    }
    # Of SDH four slices of the other cases are concordant, two are drawn: each stands for two.
    assert [(one.item.label, one.weight) for one in sample] == [(SDH, 2.0)] * 2
    assert {one.item.case for one in sample} <= {"c02", "c03"}
    assert drawn == rating_list(plan, truth, dict(reversed(said.items())), {"c01": frozenset([SDH])})


def test_the_rule_is_told_with_its_numbers():
    assert "1 of 1 cases have slice truth" in rating_rule(study(), Truth(SCAN, SLICES))


def test_adjudication_mixes_in_others_of_the_same_label():
    plan = protocol(cases=4)
    drawn = adjudication_list(plan, [Item("c02", SDH)])
    assert sorted((one.stratum, one.item.label, one.weight) for one in drawn) == [
        (CONCORDANT, SDH, 3.0),
        (DISCORDANT, SDH, 1.0),
    ]


def predicted(tmp_path, **changes):
    flat = dict.fromkeys(DISPLAY_ORDER, 0.2)
    slices = [
        {"index": n, "sop_uid": f"u{n}", "cnn": {**flat, "any": 0.6}, "bilstm": {**flat, "subdural": 0.5 + n / 10}}
        for n in range(4)
    ]
    scan = {"series_uid": "1.2.1", "model": {"sha256": "ab" * 32}, "scan": {**flat, "any": 0.51}, "slices": slices}
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"scans": [{**scan, **changes}]}))
    return path


def test_the_models_calls_are_above_the_operating_point(tmp_path):
    found = model_cases(study(), predicted(tmp_path))["c01"]
    assert found.scan == calls(1, 0)
    assert [one[SDH] for one in found.slices] == [False, True, True, True]
    assert found.slice_uids == ("u0", "u1", "u2", "u3")
    of_cnn = protocol(cases=(case(1),), labels=LABELS, rating=RatingPlan(reading="cnn"))
    assert model_cases(of_cnn, predicted(tmp_path))["c01"].slices == (calls(1, 0),) * 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"series_uid": "9"}, "case c01 is missing"),
        ({"model": {"sha256": "x"}}, "predicted by another model"),
        ({"slices": []}, "has no result for its 4 slices"),
        ({"scan": None}, "has no result"),
        ({"scan": {"any": 2}}, "is no result of ihd predict"),
    ],
)
def test_a_result_that_does_not_fit_is_refused(tmp_path, changes, said):
    with pytest.raises(StudyError, match=said):
        model_cases(study(), predicted(tmp_path, **changes))
