from dataclasses import replace

import pytest

from ihd_core.errors import StudyError
from ihd_core.labels import Label
from ihd_core.study.design import Analysis, Design, Phase, RatingPlan, Reader, Role
from ihd_core.study.protocol import amended
from tests.ihd_core.study.studies import adjudicators, case, protocol

P = Phase


def test_a_design_brings_its_phases():
    assert protocol().phases == (P.BLIND, P.ASSISTED, P.RATING, P.REVEAL)
    assert protocol(design=Design.PAPER).phases == (P.BLIND, P.REVEAL, P.RATING)
    assert protocol(phases=(P.BLIND,)).phases == (P.BLIND,)


def test_a_study_that_only_reads_needs_no_model():
    assert protocol(phases=(P.BLIND, P.REVEAL), model="", model_sha256="").model == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"study": " "}, "study has no name"),
        ({"cases": ()}, "there is no case"),
        ({"readers": ()}, "there is no reader"),
        ({"readers": (Reader("r1"), Reader("R1"))}, "reader r1 stands 2 times"),
        ({"readers": (Reader("r/1"),)}, "reader 'r/1': a pseudonym is 1 to 64"),
        ({"readers": (Reader("Lead"),)}, "this name is kept for the lead"),
        ({"readers": (Reader("r1", years=-1),)}, "reader r1: years is -1, must be 0..10,000"),
        ({"cases": (case(1), case(2, name="c01"))}, "case c01 stands 2 times"),
        ({"cases": (case(1), case(2, pixels=case(1).pixels))}, "case c02: has the pixels of case c01"),
        ({"cases": (case(1, pixels="x"),)}, "case c01: pixels is 'x', must be 64"),
        ({"cases": (case(1, slices=0),)}, "case c01: slices is 0, must be at least 1"),
        ({"cases": (case(1, overlap="training"),)}, "case c01: its patient was in the model's training data"),
        ({"cases": (case(1, training=True),)}, "every case is a training case"),
        ({"phases": (P.BLIND, P.BLIND)}, "each may stand once"),
        ({"phases": (P.REVEAL,)}, "blind or assisted must be among them"),
        ({"phases": (P.TRAINING, P.BLIND)}, "phase training has no training case"),
        ({"design": Design.CROSSOVER, "phases": (P.BLIND,)}, "design crossover needs the phases blind and assisted"),
        ({"design": Design.PAPER, "phases": (P.BLIND, P.ASSISTED)}, "design paper has no phase assisted"),
        ({"phases": (P.BLIND, P.ADJUDICATION)}, "there are 0 adjudicators, adjudication needs 2"),
        ({"phases": (P.BLIND, P.CONSENSUS)}, "consensus needs the phase rating"),
        ({"model_sha256": ""}, "phase assisted needs a model"),
        ({"labels": (Label.SUBDURAL, Label.ANY)}, "labels are subdural, any"),
        ({"labels": (Label.SUBDURAL,)}, "label any is not asked"),
        ({"washout_weeks": -1.0}, "washout_weeks is -1, must be 0..520"),
        ({"washout_weeks": 4.0}, "only design crossover has a washout"),
        ({"repeats": 7}, "repeats is 7, must be 0..6"),
        ({"analysis": Analysis(alpha=0.0)}, "alpha is 0, must be above 0"),
        ({"analysis": Analysis(margin=1.0)}, "margin is 1, must be 0 or more"),
        ({"rating": RatingPlan(concordant=101)}, "rating: concordant is 101"),
        ({"operating_points": {"scan": {Label.ANY: 1.5}}}, "operating point of any on a scan is 1.5"),
    ],
)
def test_what_contradicts_itself_is_refused_in_one_line(changes, said):
    with pytest.raises(StudyError) as told:
        protocol(**changes)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_an_overlap_with_the_models_data_can_be_allowed_and_stays_marked():
    marked = replace(protocol(), cases=(case(1, overlap="validation"),), overlap_allowed=True)
    assert marked.case("c01").overlap == "validation"


def test_who_is_who():
    everyone = (Reader("r1"), *adjudicators("a1", "a2"), Reader("p", Role.PANEL))
    study = replace(protocol(), readers=everyone, phases=(P.BLIND, P.RATING, P.ADJUDICATION, P.CONSENSUS))
    assert study.named(Role.ADJUDICATOR) == ("a1", "a2")
    assert study.reader("p").role == Role.PANEL
    with pytest.raises(StudyError, match="x: is no reader of the study pilot; it has r1, a1, a2, p"):
        study.reader("x")
    with pytest.raises(StudyError, match="x: is no case"):
        study.case("x")


def test_an_amendment_is_a_new_version_that_names_the_old_one_and_says_why():
    old = protocol()
    new = amended(old, "cd" * 32, " one more reader ", readers=(*old.readers, Reader("r3")))
    assert (new.version, new.amends, new.reason) == (2, "cd" * 32, "one more reader")
    assert [one.name for one in new.readers] == ["r1", "r2", "r3"]


@pytest.mark.parametrize(
    ("reason", "changes", "said"),
    [
        (" ", {}, "needs a reason"),
        ("why", {"seed": 8}, "seed cannot be amended"),
        ("why", {"readers": (Reader("r1"),)}, "r2: an amendment may add"),
        ("why", {"cases": protocol(5).cases}, "c06: an amendment may add"),
        ("why", {"repeats": 9}, "repeats is 9"),
    ],
)
def test_an_amendment_may_not_change_what_answers_mean(reason, changes, said):
    with pytest.raises(StudyError, match=said):
        amended(protocol(), "cd" * 32, reason, **changes)
