import pytest
from hypothesis import given
from hypothesis import strategies as st

from ihd_core.errors import StudyError
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.study.select import count_warnings, counts, counts_text, select

ANY, EDH, IPH, IVH, SAH, SDH = DISPLAY_ORDER
# The paper's Table 4.
POSITIVE = {ANY: 52, EDH: 0, IPH: 29, IVH: 16, SAH: 25, SDH: 32}
PAPER = {f"c{n}": {label: n < POSITIVE[label] for label in DISPLAY_ORDER} for n in range(100)}


def test_the_table_is_the_papers_table_4():
    found = counts(PAPER)
    assert [(one.label, one.positive, one.negative) for one in found] == [
        (label, positive, 100 - positive) for label, positive in POSITIVE.items()
    ]
    lines = counts_text(found).splitlines()
    assert lines[3].split()[:3] == ["intraparenchymal", "29", "71"]
    assert lines[2].split()[:4] == ["epidural", "0", "100", "-"]


def test_the_widest_interval_is_wilsons_at_one_half():
    # 50 of 100: 0.4038 to 0.5962, Newcombe 1998, method 3.
    without = next(one for one in counts(PAPER) if one.label == EDH)
    assert without.specificity_width == pytest.approx(0.5962 - 0.4038, abs=1e-4)
    assert without.sensitivity_width is None


def test_few_positives_are_warned_of():
    assert [text.split(":")[0] for text in count_warnings(counts(PAPER))] == [EDH, IPH, IVH, SAH]


@given(st.integers(0, 2**32), st.integers(0, 100))
def test_by_prevalence_every_case_stands_once_and_more_cases_hold_fewer(seed, count):
    found = select(PAPER, count, seed)
    assert len(set(found)) == len(found) == count
    assert set(select(PAPER, count // 2, seed)) <= set(found)


@given(st.integers(0, 2**32))
def test_stratified_has_the_minimum_of_every_label(seed):
    table = {case: {label: calls[label] for label in (ANY, IVH, SDH)} for case, calls in PAPER.items()}
    found = select(table, 40, seed, minimum=10)
    assert len(found) == 40
    for label in (ANY, IVH, SDH):
        assert sum(table[case][label] for case in found) >= 10


def test_the_same_seed_draws_the_same():
    assert select(PAPER, 10, 3) == select(dict(reversed(PAPER.items())), 10, 3) != select(PAPER, 10, 4)


def test_what_cannot_be_drawn_is_told():
    with pytest.raises(StudyError, match="101 cases are asked for, the table has 100"):
        select(PAPER, 101, 0)
    with pytest.raises(StudyError, match="epidural: 5 positives are asked for, the table has 0"):
        select(PAPER, 50, 0, minimum=5)
    table = {f"c{n}": {Label.ANY: n < 5, Label.SUBDURAL: n > 5} for n in range(10)}
    with pytest.raises(StudyError, match="3 cases are too few for 2 positives of every label, 4 would do"):
        select(table, 3, 0, minimum=2)
