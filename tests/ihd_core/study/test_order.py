import subprocess
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ihd_core.study.design import Design, Phase
from ihd_core.study.order import Read, allocation, case_order, lot, order_text, reads, repeated
from tests.ihd_core.study.studies import case, protocol

B, A = Phase.BLIND, Phase.ASSISTED

# `for c in 01 02 03 04 05 06; do printf '7|r1|blind|c%s' $c | sha256sum; done | cut -c1-4`
LOTS = {"c01": "4dd1", "c02": "1ed6", "c03": "f5fc", "c04": "a28f", "c05": "abb5", "c06": "20bd"}
ORDER = sorted(LOTS, key=LOTS.get)


def test_a_lot_is_what_sha256sum_says(need_tool):
    said = subprocess.run([need_tool("sha256sum")], input="7|r1|blind|c01", capture_output=True, text=True, check=True)
    assert lot(7, "r1", "blind", "c01") == said.stdout.split()[0]


def test_cases_stand_by_their_lots():
    assert {name: lot(7, "r1", "blind", name)[:4] for name in LOTS} == LOTS
    assert [name for name, _ in case_order(protocol(), "r1", B)] == ORDER


def test_every_reader_and_phase_has_an_order_of_its_own():
    study = protocol(cases=20)
    orders = {case_order(study, reader, phase) for reader in ("r1", "r2") for phase in (B, A)}
    assert len(orders) == 4
    assert {tuple(sorted(order)) for order in orders} == {tuple((f"c{n:02d}", 1) for n in range(1, 21))}


def test_sequential_reads_each_case_blind_and_then_assisted():
    assert reads(protocol(), "r1") == tuple(Read(phase, name) for name in ORDER for phase in (B, A))


def test_training_cases_come_first_and_are_not_read_in_the_study():
    study = protocol(cases=(case(1), case(2, training=True)), phases=(Phase.TRAINING, B))
    assert reads(study, "r1") == (Read(Phase.TRAINING, "c02"), Read(B, "c01"))


def test_repeats_are_the_same_cases_for_all_readers_and_follow_the_first_reads():
    study = protocol(repeats=2, phases=(B,))
    assert len(repeated(study)) == 2
    for reader in ("r1", "r2"):
        order = case_order(study, reader, B)
        assert [repeat for _, repeat in order] == [1] * 6 + [2] * 2
        assert {name for name, repeat in order if repeat == 2} == set(repeated(study))


@given(st.integers(0, 2**32), st.integers(1, 13), st.integers(1, 5))
def test_independent_and_crossover_are_balanced_over_readers_and_cases(seed, cases, readers):
    names = tuple(f"r{number}" for number in range(readers))
    study = protocol(cases=cases, readers=names, seed=seed, design=Design.INDEPENDENT)
    for name in names:
        count = Counter(allocation(study, name).values())
        assert abs(count[A] - count[B]) <= 1
    for first, second in zip(names[::2], names[1::2], strict=False):
        one, other = allocation(study, first), allocation(study, second)
        assert all({one[name], other[name]} == {A, B} for name in one)


def test_independent_reads_each_case_once():
    study = protocol(design=Design.INDEPENDENT)
    arms = allocation(study, "r2")
    assert [(read.case, read.phase) for read in reads(study, "r2")] == [
        (name, arms[name]) for name, _ in case_order(study, "r2", B)
    ]


def test_crossover_reads_each_case_both_ways_in_two_sessions():
    study = protocol(design=Design.CROSSOVER, washout_weeks=4)
    found = reads(study, "r1")
    assert [read.session for read in found] == [1] * 6 + [2] * 6
    assert [read.case for read in found[:6]] == ORDER
    for name in ORDER:
        first, second = sorted((read for read in found if read.case == name), key=lambda read: read.session)
        assert {first.phase, second.phase} == {A, B}
    assert Counter(read.phase for read in found[:6]) == {A: 3, B: 3}


@pytest.mark.parametrize("design", list(Design))
def test_the_printed_order_is_the_order(design):
    study = protocol(design=design, repeats=1)
    lines = [line for line in order_text(study, "r1").splitlines() if not line.startswith("#")]
    assert lines[0] == "number,session,phase,case,repeat,lot"
    printed = [tuple(line.split(",")[1:5]) for line in lines[1:]]
    assert printed == [(str(r.session), str(r.phase), r.case, str(r.repeat)) for r in reads(study, "r1")]
    assert lines[1].split(",")[5].startswith(min(LOTS.values()))
