"""Readings of one label as the input files of iMRMC, RJafroc and MRMCaov."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.errors import StudyError
from ihd_core.study.tables import csv_text
from ihd_core.study.xlsx import workbook

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Score:
    """One reading of one case by one reader.

    Attributes:
        arm: "without" or "with" the model.
        truth: whether the case has the label.
        score: 0..100; None where not answered.
    """

    reader: str
    arm: str
    case: str
    truth: bool
    score: int | None


def scored(scores: Sequence[Score], missing: str) -> tuple[Score, ...]:
    """Scores by the protocol's rule for missing answers, sorted by reader, arm and case.

    Args:
        scores: one for each reader, arm and case.
        missing: one of design.MISSING.

    Raises:
        StudyError: an answer is missing and the rule is to refuse that.
    """
    ordered = sorted(scores, key=lambda one: (one.reader, one.arm == "with", one.case))
    gaps = [one for one in ordered if one.score is None]
    if gaps and missing == "refuse":
        first = gaps[0]
        raise StudyError(
            f"{len(gaps)} answers are missing, the first of {first.reader} for case {first.case} {first.arm} the "
            "model; the protocol's rule for missing answers is refuse"
        )
    if missing == "exclude":
        return tuple(one for one in ordered if one.score is not None)
    return tuple(
        Score(one.reader, one.arm, one.case, one.truth, 0 if one.score is None else one.score) for one in ordered
    )


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers that stand for names: the programs want integers, from 1 on."""

    readers: tuple[str, ...]
    arms: tuple[str, ...]
    cases: tuple[str, ...]

    def key(self) -> str:
        """A table of what every number means."""
        groups = (("reader", self.readers), ("treatment", self.arms), ("case", self.cases))
        rows = [(kind, n, name) for kind, names in groups for n, name in enumerate(names, start=1)]
        return csv_text(("kind", "number", "name"), rows)


def numbers(scores: Sequence[Score]) -> Numbers:
    """Numbers by sorted name; without the model comes before with it."""
    return Numbers(
        tuple(sorted({one.reader for one in scores})),
        tuple(arm for arm in ("without", "with") if arm in {one.arm for one in scores}),
        tuple(sorted({one.case for one in scores})),
    )


def imrmc(scores: Sequence[Score], title: str) -> str:
    """For iMRMC (.imrmc): a head, then reader,case,modality,score; rows of reader -1 are the truth."""
    named = numbers(scores)
    truth = {one.case: one.truth for one in scores}
    positive = sum(truth.values())
    lines = [title, f"NR: {len(named.readers)}", f"N0: {len(truth) - positive}", f"N1: {positive}"]
    lines += [f"NM: {len(named.arms)}", "", "BEGIN DATA:"]
    lines += [f"-1,{n},0,{int(truth[case])}" for n, case in enumerate(named.cases, start=1)]
    for one in scores:
        reader, case = named.readers.index(one.reader) + 1, named.cases.index(one.case) + 1
        lines.append(f"{reader},{case},{named.arms.index(one.arm) + 1},{one.score}")
    return "\n".join(lines) + "\n"


def mrmcaov(scores: Sequence[Score]) -> str:
    """For MRMCaov: a data frame with reader, treatment, case, truth and rating."""
    return csv_text(
        ("reader", "treatment", "case", "truth", "rating"),
        [(one.reader, one.arm, one.case, int(one.truth), one.score) for one in scores],
    )


def rjafroc(scores: Sequence[Score]) -> bytes:
    """For RJafroc's DfReadDataFile(newExcelFileFormat = TRUE): sheets Truth, FP and TP, a factorial design.

    Raises:
        StudyError: not every reader read every case in every arm; RJafroc has no design for that.
    """
    named = numbers(scores)
    truth = {one.case: one.truth for one in scores}
    whole = len(named.readers) * len(named.arms) * len(named.cases)
    if len(scores) != whole:
        raise StudyError(f"{len(scores)} of {whole} readings are there; RJafroc wants every reader, arm and case")
    everyone = ", ".join(str(number) for number in range(1, len(named.readers) + 1))
    arms = ", ".join(str(number) for number in range(1, len(named.arms) + 1))
    sheet: list[list[str | float]] = [["CaseID", "LesionID", "Weight", "ReaderID", "ModalityID", "Paradigm"]]
    for place, case in enumerate(named.cases, start=1):
        true = int(truth[case])
        sheet.append([place, true, true, everyone, arms, *["ROC", "FCTRL"][place - 1 : place]])
    negative: list[list[str | float]] = [["ReaderID", "ModalityID", "CaseID", "FP_Rating"]]
    positive: list[list[str | float]] = [["ReaderID", "ModalityID", "CaseID", "LesionID", "TP_Rating"]]
    for one in scores:
        reader, arm = named.readers.index(one.reader) + 1, named.arms.index(one.arm) + 1
        number, score = named.cases.index(one.case) + 1, one.score or 0
        if one.truth:
            positive.append([reader, arm, number, 1, score])
        else:
            negative.append([reader, arm, number, score])
    return workbook({"TRUTH": sheet, "FP": negative, "TP": positive})
