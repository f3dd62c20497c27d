"""What a reader study fixes before the first answer: cases, readers, phases, order, model, and how it is analysed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ihd_core.errors import StudyError
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.study.design import PHASES, Analysis, Case, Design, Phase, RatingPlan, Reader, Role
from ihd_core.study.protocol_checks import problems

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Protocol:
    """One version of a study's protocol. Never changed; an amendment is a new version that names the one before.

    Attributes:
        study: name.
        version: 1, 2, 3...
        phases: what takes place, each once; those after reading in this order.
        labels: what is asked of every scan, any first.
        seed: of every lot and order.
        model: name; model_sha256 is its identity. Both empty where no phase needs a model.
        setting: of the operating points.
        operating_points: by level ("scan", "slice") and label, 0..1; above it the model calls the label.
        washout_weeks: between the two readings of a crossover.
        repeats: how many cases every reader reads a second time without being told, at most all.
        adjudication_concordant: labels without disagreement for each disputed one, drawn by lot.
        clinical_information: shown beside every scan; empty for none.
        overlap_allowed: the study goes on although cases served to make the model; every table says so.
        amends: SHA-256 of the version before; empty for the first. reason says what changed and why.

    Raises:
        StudyError: the values contradict each other or are out of range; one line with the value and the limit.
    """

    study: str
    design: Design
    cases: tuple[Case, ...]
    readers: tuple[Reader, ...]
    version: int = 1
    phases: tuple[Phase, ...] = ()
    labels: tuple[Label, ...] = DISPLAY_ORDER
    seed: int = 0
    model: str = ""
    model_sha256: str = ""
    setting: str = "screen"
    operating_points: Mapping[str, Mapping[Label, float]] = field(default_factory=dict)
    washout_weeks: float = 0.0
    repeats: int = 0
    analysis: Analysis = field(default_factory=Analysis)
    rating: RatingPlan = field(default_factory=RatingPlan)
    adjudication_concordant: int = 1
    clinical_information: str = ""
    overlap_allowed: bool = False
    amends: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.phases:
            object.__setattr__(self, "phases", PHASES[self.design])
        problem = next(problems(self), "")
        if problem:
            raise StudyError(problem)

    @property
    def study_cases(self) -> tuple[Case, ...]:
        """Cases whose answers count, in the protocol's order."""
        return tuple(case for case in self.cases if not case.training)

    def case(self, name: str) -> Case:
        """The case of this name.

        Raises:
            StudyError: there is none.
        """
        found = next((case for case in self.cases if case.name == name), None)
        if found is None:
            raise StudyError(f"{name}: is no case of the study {self.study}")
        return found

    def reader(self, name: str) -> Reader:
        """The reader of this name.

        Raises:
            StudyError: there is none.
        """
        found = next((reader for reader in self.readers if reader.name == name), None)
        if found is None:
            known = ", ".join(reader.name for reader in self.readers)
            raise StudyError(f"{name}: is no reader of the study {self.study}; it has {known}")
        return found

    def named(self, role: Role) -> tuple[str, ...]:
        """Pseudonyms of everyone with this role, in the protocol's order."""
        return tuple(reader.name for reader in self.readers if reader.role == role)


def amended(protocol: Protocol, sha256: str, reason: str, **changes: object) -> Protocol:
    """The next version.

    Args:
        protocol: the version in force.
        sha256: of its file.
        reason: what is changed and why; not empty.
        changes: by the name of the field. Cases and readers may be added, none may go or become another.

    Raises:
        StudyError: no reason, an answer would lose its meaning, or the new values contradict each other.
    """
    if not reason.strip():
        raise StudyError("an amendment needs a reason")
    new = replace(protocol, version=protocol.version + 1, amends=sha256, reason=reason.strip(), **changes)  # type: ignore[arg-type]
    for name in ("study", "design", "labels", "seed", "model_sha256"):
        if getattr(new, name) != getattr(protocol, name):
            raise StudyError(f"{name} cannot be amended: answers under the version before would mean something else")
    lost = {case.name for case in protocol.cases if case not in new.cases}
    lost |= {
        one.name for one in protocol.readers if (one.name, one.role) not in {(r.name, r.role) for r in new.readers}
    }
    if lost:
        raise StudyError(f"{min(lost)}: an amendment may add cases and readers, not remove or replace any")
    return new
