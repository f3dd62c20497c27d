"""In which order each reader reads, and who reads what with the model: the same on every system, and printable."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.study.design import Design, Phase, Role

if TYPE_CHECKING:
    from ihd_core.study.protocol import Protocol


@dataclass(frozen=True, slots=True)
class Read:
    """One reading of one case.

    Attributes:
        phase: training, blind or assisted.
        case: name.
        repeat: 1, or 2 for the second time without the reader being told.
        session: 1; 2 after the washout of a crossover.
    """

    phase: Phase
    case: str
    repeat: int = 1
    session: int = 1


def lot(seed: int, reader: str, phase: str, case: str) -> str:
    """SHA-256 of `seed|reader|phase|case`, 64 hexadecimal digits: `printf "7|r1|blind|c01" | sha256sum`."""
    return hashlib.sha256(f"{seed}|{reader}|{phase}|{case}".encode()).hexdigest()


def case_order(protocol: Protocol, reader: str, phase: Phase) -> tuple[tuple[str, int], ...]:
    """(case, repeat) in the order in which this reader meets them in this phase.

    Cases stand by their lot. Repeats follow when every case was read once, by the lot of `case/2`; which cases are
    repeated is the same for all readers: those with the lowest lots of `repeat`, without a reader.
    """
    names = [case.name for case in protocol.cases if case.training == (phase == Phase.TRAINING)]
    firsts = sorted(names, key=lambda name: lot(protocol.seed, reader, phase, name))
    if phase == Phase.TRAINING:
        return tuple((name, 1) for name in firsts)
    again = repeated(protocol)
    seconds = sorted(again, key=lambda name: lot(protocol.seed, reader, phase, f"{name}/2"))
    return (*((name, 1) for name in firsts), *((name, 2) for name in seconds))


def repeated(protocol: Protocol) -> tuple[str, ...]:
    """Cases that every reader reads twice, in the order of their lots."""
    names = [case.name for case in protocol.study_cases]
    return tuple(sorted(names, key=lambda name: lot(protocol.seed, "", "repeat", name))[: protocol.repeats])


def allocation(protocol: Protocol, reader: str) -> dict[str, Phase]:
    """By case, whether this reader reads it blind or assisted (independent), or so first (crossover).

    Readers go in pairs. The first of a pair has the model for every second case in the order of their lots, the second
    for the others; so every reader has it for half of the cases, and every case has it for half of the readers.
    """
    readers = protocol.named(Role.READER)
    place = readers.index(reader)
    first = readers[place - place % 2]
    names = [case.name for case in protocol.study_cases]
    ordered = sorted(names, key=lambda name: lot(protocol.seed, first, "allocation", name))
    return {name: Phase.ASSISTED if (rank + place) % 2 == 0 else Phase.BLIND for rank, name in enumerate(ordered)}


def reads(protocol: Protocol, reader: str) -> tuple[Read, ...]:
    """Everything a reader reads, training cases first, in order."""
    training: tuple[Read, ...] = ()
    if Phase.TRAINING in protocol.phases:
        training = tuple(Read(Phase.TRAINING, case) for case, _ in case_order(protocol, reader, Phase.TRAINING))
    return training + _study_reads(protocol, reader)


def _study_reads(protocol: Protocol, reader: str) -> tuple[Read, ...]:
    phases = [phase for phase in (Phase.BLIND, Phase.ASSISTED) if phase in protocol.phases]
    if protocol.design == Design.CROSSOVER:
        first = allocation(protocol, reader)
        return tuple(
            Read(first[case] if session == 1 else _other(first[case]), case, repeat, session)
            for session, phase in ((1, Phase.BLIND), (2, Phase.ASSISTED))
            for case, repeat in case_order(protocol, reader, phase)
        )
    order = case_order(protocol, reader, phases[0])
    if protocol.design == Design.INDEPENDENT:
        arms = allocation(protocol, reader)
        return tuple(Read(arms[case], case, repeat) for case, repeat in order)
    return tuple(Read(phase, case, repeat) for case, repeat in order for phase in phases)


def _other(phase: Phase) -> Phase:
    return Phase.BLIND if phase == Phase.ASSISTED else Phase.ASSISTED


def order_text(protocol: Protocol, reader: str) -> str:
    """A reader's order as a table: number, session, phase, case, repeat, lot; the rule above it."""
    lines = [f"# {protocol.study}, reader {reader}, design {protocol.design}, seed {protocol.seed}"]
    lines += [f"# order: {_rule(protocol)}", "number,session,phase,case,repeat,lot"]
    for number, read in enumerate(reads(protocol, reader), start=1):
        by = _ordering_phase(protocol, read)
        name = read.case if read.repeat == 1 else f"{read.case}/2"
        drawn = lot(protocol.seed, reader, by, name)
        lines.append(f"{number},{read.session},{read.phase},{read.case},{read.repeat},{drawn}")
    return "\n".join(lines)


def _ordering_phase(protocol: Protocol, read: Read) -> Phase:
    """The phase whose lots put this reading in its place."""
    if read.phase == Phase.TRAINING:
        return Phase.TRAINING
    if protocol.design == Design.CROSSOVER:
        return Phase.BLIND if read.session == 1 else Phase.ASSISTED
    return Phase.BLIND if Phase.BLIND in protocol.phases else Phase.ASSISTED


def _rule(protocol: Protocol) -> str:
    words = {
        Design.SEQUENTIAL: "by the lot of `blind`; each case blind, then assisted",
        Design.CROSSOVER: "session 1 by the lot of `blind`, session 2 by that of `assisted`; arms by `allocation`",
        Design.INDEPENDENT: "by the lot of `blind`; arms by the lot of `allocation`",
        Design.PAPER: "by the lot of `blind`",
    }
    return f"SHA-256 of seed|reader|phase|case, ascending; {words[protocol.design]}; repeats last"
