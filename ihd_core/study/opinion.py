"""A reader's own answer for a scan: six yes/no calls, each with a suspicion that agrees, and a comment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from ihd_core.labels import DISPLAY_ORDER, SUBTYPES, Label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOWEST_YES = 50
"""Suspicion from which a call is yes. The undecided middle counts as yes: an unsure reader wants a second look, and
cutting the ROC curve at 50 then gives back every call."""
FIRST_YES = 90
FIRST_NO = 10
"""Suspicion of a call made by key or button before any suspicion was given."""


@dataclass(frozen=True, slots=True)
class Call:
    """The answer for one label; both parts are there, or neither.

    Attributes:
        call: True for yes, None while unanswered.
        suspicion: 0..49 with no, 50..100 with yes, None while unanswered.
    """

    call: bool | None = None
    suspicion: int | None = None

    def __post_init__(self) -> None:
        if (self.call is None) != (self.suspicion is None):
            raise ValueError("a call and its suspicion are both given or both missing")
        if self.suspicion is not None:
            if not 0 <= self.suspicion <= 100:
                raise ValueError(f"suspicion is {self.suspicion}, must be 0..100")
            if self.call != (self.suspicion >= LOWEST_YES):
                raise ValueError(f"suspicion {self.suspicion} does not agree with {'yes' if self.call else 'no'}")

    @property
    def word(self) -> str:
        """The call as it is written in files: yes, no, or empty while unanswered."""
        return "" if self.call is None else ("yes" if self.call else "no")


UNANSWERED = Call()


def answer(suspicion: int) -> Call:
    """The call that a suspicion of 0..100 means; values outside are moved to the nearest limit."""
    suspicion = min(max(suspicion, 0), 100)
    return Call(suspicion >= LOWEST_YES, suspicion)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one reader thinks of one scan. Never changed; replaced.

    Attributes:
        calls: one Call for every label; labels that are not given are unanswered.
        comment: free text, may be empty.
    """

    calls: Mapping[Label, Call] = field(default_factory=dict)
    comment: str = ""

    def __post_init__(self) -> None:
        complete = {label: self.calls.get(label, UNANSWERED) for label in DISPLAY_ORDER}
        object.__setattr__(self, "calls", MappingProxyType(complete))

    @property
    def answered(self) -> tuple[Label, ...]:
        """Labels with an answer, any first."""
        return tuple(label for label in DISPLAY_ORDER if self.calls[label].call is not None)


def with_call(opinion: Opinion, label: Label, call: bool | None) -> Opinion:
    """Answer yes or no, or take the answer back with None.

    A suspicion that agrees stays. One that does not is mirrored (80 becomes 20: the reader is as sure as before), and
    without one yes starts at 90 and no at 10. A subtype yes makes any yes, at least as suspicious.
    """
    old = opinion.calls[label]
    if call is None:
        return _with(opinion, label, UNANSWERED)
    if call == old.call:
        return opinion
    if old.suspicion is None:
        return _with(opinion, label, answer(FIRST_YES if call else FIRST_NO))
    mirrored = 100 - old.suspicion
    return _with(opinion, label, answer(max(mirrored, LOWEST_YES) if call else min(mirrored, LOWEST_YES - 1)))


def with_next_call(opinion: Opinion, label: Label) -> Opinion:
    """What the key of a label does: unanswered becomes yes, yes becomes no, no becomes yes."""
    return with_call(opinion, label, opinion.calls[label].call is not True)


def with_suspicion(opinion: Opinion, label: Label, suspicion: int) -> Opinion:
    """Give a suspicion of 0..100; 50 and more is a yes. A subtype yes makes any yes, at least as suspicious."""
    return _with(opinion, label, answer(suspicion))


def with_rest_no(opinion: Opinion) -> Opinion:
    """Answer no for every label that is unanswered."""
    for label in DISPLAY_ORDER:
        if opinion.calls[label].call is None:
            opinion = with_call(opinion, label, False)
    return opinion


def with_comment(opinion: Opinion, comment: str) -> Opinion:
    """Replace the comment."""
    return replace(opinion, comment=comment)


def contradictions(opinion: Opinion) -> tuple[str, ...]:
    """Answers that cannot both be meant: any no beside a subtype yes. One sentence each, for the reader."""
    subtypes = [label.short_name for label in SUBTYPES if opinion.calls[label].call]
    if opinion.calls[Label.ANY].call is False and subtypes:
        return (f"Any is no, but {', '.join(subtypes)} {'is' if len(subtypes) == 1 else 'are'} yes.",)
    return ()


def problems(opinion: Opinion) -> tuple[str, ...]:
    """What a reader should look at before saving, one sentence each; empty when nothing.

    Contradictions come first; then any without a subtype, then the labels without an answer.
    """
    found = list(contradictions(opinion))
    if opinion.calls[Label.ANY].call and all(opinion.calls[label].call is False for label in SUBTYPES):
        found.append("Any is yes, but every subtype is no.")
    missing = [label.short_name for label in DISPLAY_ORDER if label not in opinion.answered]
    if missing:
        found.append(f"Not answered: {', '.join(missing)}.")
    return tuple(found)


def lock_warnings(opinion: Opinion, labels: Sequence[Label], slices: int, seen: frozenset[int]) -> tuple[str, ...]:
    """What a reader should look at before a reading is locked, one sentence each; empty when nothing.

    Args:
        opinion: as it is recorded.
        labels: that the study asks for.
        slices: of the scan.
        seen: slices that were on the screen.
    """
    found = []
    missing = [label.short_name for label in labels if opinion.calls[label] == UNANSWERED]
    if missing:
        found.append(f"Not answered: {', '.join(missing)}.")
    if Label.ANY in labels:
        found += contradictions(opinion)
    unseen = slices - len(seen)
    if unseen > 0:
        found.append(f"{unseen} of {slices} slices were never on the screen.")
    return tuple(found)


def _with(opinion: Opinion, label: Label, call: Call) -> Opinion:
    calls = {**opinion.calls, label: call}
    if label is not Label.ANY and call.call and call.suspicion is not None:
        calls[Label.ANY] = answer(max(call.suspicion, calls[Label.ANY].suspicion or 0))
    return replace(opinion, calls=calls)
