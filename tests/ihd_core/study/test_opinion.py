import pytest
from hypothesis import given
from hypothesis import strategies as st

from ihd_core.labels import DISPLAY_ORDER, SUBTYPES, Label
from ihd_core.study.opinion import (
    Call,
    Opinion,
    contradictions,
    lock_warnings,
    problems,
    with_call,
    with_comment,
    with_next_call,
    with_rest_no,
    with_suspicion,
)

SDH, ANY, EDH = Label.SUBDURAL, Label.ANY, Label.EPIDURAL


@pytest.mark.parametrize(
    ("suspicion", "call"), [(0, False), (10, False), (49, False), (50, True), (51, True), (100, True)]
)
def test_a_suspicion_makes_the_call_that_agrees_with_it(suspicion, call):
    assert with_suspicion(Opinion(), ANY, suspicion).calls[ANY] == Call(call, suspicion)


@pytest.mark.parametrize(("asked", "kept"), [(-5, 0), (130, 100)])
def test_a_suspicion_stops_at_its_limits(asked, kept):
    assert with_suspicion(Opinion(), ANY, asked).calls[ANY].suspicion == kept


@pytest.mark.parametrize(("call", "suspicion"), [(True, 49), (False, 50), (True, None), (None, 3), (True, 101)])
def test_a_call_that_does_not_agree_with_its_suspicion_cannot_be_made(call, suspicion):
    with pytest.raises(ValueError, match="suspicion"):
        Call(call, suspicion)


def test_a_first_yes_is_90_and_a_first_no_is_10():
    assert with_call(Opinion(), ANY, True).calls[ANY] == Call(True, 90)
    assert with_call(Opinion(), ANY, False).calls[ANY] == Call(False, 10)


@pytest.mark.parametrize(("before", "after"), [(80, 20), (100, 0), (51, 49), (50, 49), (0, 100), (49, 51), (30, 70)])
def test_changing_the_call_keeps_how_sure_the_reader_is(before, after):
    opinion = with_suspicion(Opinion(), ANY, before)
    assert with_next_call(opinion, ANY).calls[ANY].suspicion == after


def test_the_key_of_a_label_says_yes_then_no_then_yes_again():
    opinion, calls = Opinion(), []
    for _ in range(3):
        opinion = with_next_call(opinion, SDH)
        calls.append(opinion.calls[SDH].call)
    assert calls == [True, False, True]


def test_an_answer_can_be_taken_back():
    assert with_call(with_call(Opinion(), SDH, False), SDH, None) == Opinion()


def test_the_same_call_again_keeps_its_suspicion():
    opinion = with_suspicion(Opinion(), ANY, 63)
    assert with_call(opinion, ANY, True) == opinion


def test_a_subtype_yes_makes_any_yes_at_least_as_suspicious():
    opinion = with_suspicion(with_call(Opinion(), ANY, False), SDH, 70)
    assert opinion.calls[ANY] == Call(True, 70)
    assert with_suspicion(opinion, EDH, 60).calls[ANY].suspicion == 70
    assert with_suspicion(opinion, EDH, 95).calls[ANY].suspicion == 95


def test_a_subtype_no_leaves_any_as_it_is():
    assert with_call(Opinion(), SDH, False).calls[ANY] == Call()


def test_any_no_beside_a_subtype_yes_is_a_contradiction_and_changes_no_subtype():
    opinion = with_call(with_call(Opinion(), SDH, True), ANY, False)
    assert opinion.calls[SDH] == Call(True, 90)
    assert contradictions(opinion) == ("Any is no, but SDH is yes.",)
    assert problems(opinion)[0] == "Any is no, but SDH is yes."


def test_two_subtypes_against_any_are_both_named():
    opinion = with_call(with_call(with_call(Opinion(), SDH, True), EDH, True), ANY, False)
    assert contradictions(opinion) == ("Any is no, but EDH, SDH are yes.",)


def test_any_without_a_subtype_is_pointed_out_and_is_no_contradiction():
    opinion = with_rest_no(with_call(Opinion(), ANY, True))
    assert problems(opinion) == ("Any is yes, but every subtype is no.",)
    assert contradictions(opinion) == ()


def test_labels_without_an_answer_are_named_any_first():
    opinion = with_call(with_call(Opinion(), Label.SUBARACHNOID, False), EDH, False)
    assert problems(opinion) == ("Not answered: Any, IPH, IVH, SDH.",)


def test_the_rest_is_answered_no_and_what_was_answered_stays():
    opinion = with_rest_no(with_suspicion(Opinion(), SDH, 72))
    assert problems(opinion) == ()
    assert {label: opinion.calls[label].suspicion for label in DISPLAY_ORDER} == {
        ANY: 72,
        EDH: 10,
        Label.INTRAPARENCHYMAL: 10,
        Label.INTRAVENTRICULAR: 10,
        Label.SUBARACHNOID: 10,
        SDH: 72,
    }


def test_an_opinion_is_never_changed_by_a_new_one():
    old = with_call(Opinion(), SDH, True)
    with_comment(with_call(old, SDH, False), "no")
    assert old.calls[SDH].call
    assert old.comment == ""
    with pytest.raises(TypeError):
        old.calls[SDH] = Call()


@given(st.lists(st.tuples(st.sampled_from(SUBTYPES), st.integers(0, 100))))
def test_whatever_subtypes_are_answered_any_is_at_least_as_suspicious_as_every_yes(answers):
    opinion = Opinion()
    for label, suspicion in answers:
        opinion = with_suspicion(opinion, label, suspicion)
        assert contradictions(opinion) == ()
    yes = [opinion.calls[label].suspicion for label in SUBTYPES if opinion.calls[label].call]
    assert not yes or opinion.calls[ANY].suspicion >= max(yes)


def test_what_should_be_looked_at_before_a_lock_is_told():
    calls = {label: Call(False, 10) for label in DISPLAY_ORDER} | {SDH: Call(True, 90)}
    no_but_subdural = Opinion(calls)
    assert lock_warnings(with_rest_no(Opinion()), DISPLAY_ORDER, 4, frozenset(range(4))) == ()
    assert lock_warnings(Opinion(), (ANY,), 4, frozenset([0])) == (
        "Not answered: Any.",
        "3 of 4 slices were never on the screen.",
    )
    assert lock_warnings(no_but_subdural, DISPLAY_ORDER, 1, frozenset([0])) == ("Any is no, but SDH is yes.",)
