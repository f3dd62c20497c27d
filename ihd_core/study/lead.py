"""What only the lead of a study does: open a phase, with the list of its items frozen for everyone."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from ihd_core.errors import FileError, StudyError
from ihd_core.files import write_atomically
from ihd_core.study.design import LEAD, Phase, Role
from ihd_core.study.item_lists import Drawn, adjudication_list, model_cases, rating_list
from ihd_core.study.journal import Circumstances, Event, Journal
from ihd_core.study.phases import Item, answered, locked_phases, reads_are_locked
from ihd_core.study.sealing import seal, unseal
from ihd_core.study.study_folder import ITEM, OPEN, SHOWN, discordant_labels
from ihd_core.study.truth import truth_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ihd_core.labels import Label
    from ihd_core.study.study_folder import StudyFolder
    from ihd_core.study.truth import Truth

CAN_BE_OPENED = (Phase.RATING, Phase.REVEAL, Phase.ADJUDICATION, Phase.CONSENSUS)


def open_phase(
    study: StudyFolder, phase: Phase, passphrase: str, predictions: Path | None = None, *, software: str = ""
) -> int:
    """Open a phase for everyone, once.

    Rating freezes the list of heatmaps, adjudication that of labels, consensus the heatmaps on which raters differ;
    reveal shows the truth. Why an item is on a list stays sealed.

    Args:
        study: as it is on disk.
        phase: one of CAN_BE_OPENED.
        passphrase: the lead's.
        predictions: JSON of `ihd predict` with the study's cases and model; rating needs it.
        software: name and version, for the record.

    Returns:
        How many items the list has; of reveal, how many labels readers got wrong, each reader's counted.

    Raises:
        StudyError: the phase is not in the protocol, is open already, comes too early, or something does not fit.
    """
    truth = study.truth(passphrase)
    _may_open(study, phase)
    drawn: Sequence[Drawn] = ()
    wrong = {
        name: discordant_labels(study.protocol, study.rows(name), truth) for name in study.protocol.named(Role.READER)
    }
    try:
        if phase == Phase.REVEAL:
            write_atomically(study.path / SHOWN, truth_json(truth))
        elif phase == Phase.RATING:
            drawn = _heatmaps(study, truth, wrong, predictions)
        elif phase == Phase.ADJUDICATION:
            drawn = adjudication_list(study.protocol, {item for items in wrong.values() for item in items})
        else:
            drawn = [Drawn(item, "", 1.0) for item in _in_dispute(study)]
        if phase in (Phase.RATING, Phase.ADJUDICATION):
            write_atomically(_strata_file(study, phase), seal(_strata_json(drawn), passphrase))
    except FileError as error:
        raise StudyError(str(error)) from error
    around = Circumstances(study=study.protocol.study, protocol=study.sha256, phase=phase)
    events = [Event(OPEN, circumstances=around)]
    for one in drawn:
        of_case = Circumstances(study=study.protocol.study, protocol=study.sha256, phase=phase, case=one.item.case)
        item = one.item
        events.append(Event(ITEM, "", item.slice_uid, item.slice_index, item.label, circumstances=of_case))
    with Journal(study.journal(LEAD), reader=LEAD, software=software) as journal:
        journal.append(*events)
    return len(drawn) or sum(map(len, wrong.values())) * (phase == Phase.REVEAL)


def strata(study: StudyFolder, phase: Phase, passphrase: str) -> dict[Item, tuple[str, float]]:
    """Stratum and weight of every item of a list that was drawn; empty before it was.

    Raises:
        StudyError: the file cannot be read, or the passphrase does not fit.
    """
    path = _strata_file(study, phase)
    if not path.exists():
        return {}
    try:
        described = json.loads(unseal(path.read_bytes(), passphrase, str(path)))
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror or error})") from error
    by_name = {(one["case"], one["slice_index"], one["label"]): one for one in described}
    found = {}
    for item in study.lists().get(phase, ()):
        one = by_name[item.case, item.slice_index, item.label]
        found[item] = one["stratum"], one["weight"]
    return found


def _may_open(study: StudyFolder, phase: Phase) -> None:
    protocol, lists = study.protocol, study.lists()
    if phase not in CAN_BE_OPENED or phase not in protocol.phases:
        known = ", ".join(one for one in protocol.phases if one in CAN_BE_OPENED)
        raise StudyError(f"{phase}: is no phase of {protocol.study} that is opened; those are {known or 'none'}")
    if phase in lists:
        raise StudyError(f"{phase}: is open already; its list is frozen")
    before = [one for one in protocol.phases[: protocol.phases.index(phase)] if one in (Phase.RATING, Phase.REVEAL)]
    if phase == Phase.CONSENSUS and Phase.RATING not in before:
        before.append(Phase.RATING)
    for name in protocol.named(Role.READER):
        rows = study.rows(name)
        if not reads_are_locked(protocol, name, rows):
            raise StudyError(f"{phase}: comes after all reading, and {name} has not locked every case")
        for one in before:
            if one not in locked_phases(rows):
                raise StudyError(f"{phase}: comes after {one}, which {name} has not ended")


def _heatmaps(
    study: StudyFolder, truth: Truth, wrong: dict[str, tuple[Item, ...]], predictions: Path | None
) -> Sequence[Drawn]:
    if predictions is None:
        raise StudyError("rating: needs what `ihd predict` says of the cases (--predictions FILE.json)")
    by_case: dict[str, set[Label]] = defaultdict(set)
    for items in wrong.values():
        for item in items:
            by_case[item.case].add(item.label)
    model = model_cases(study.protocol, predictions)
    return rating_list(study.protocol, truth, model, {case: frozenset(labels) for case, labels in by_case.items()})


def _in_dispute(study: StudyFolder) -> tuple[Item, ...]:
    """Heatmaps that the raters rated differently."""
    said = [answered(study.rows(name), Phase.RATING) for name in study.protocol.named(Role.READER)]
    items = study.lists().get(Phase.RATING, ())
    return tuple(item for item in items if len({one[item]["value"] for one in said if item in one}) > 1)


def _strata_file(study: StudyFolder, phase: Phase) -> Path:
    return study.path / f"{phase}.sealed"


def _strata_json(drawn: Sequence[Drawn]) -> bytes:
    described = [
        {
            "case": one.item.case,
            "slice_index": one.item.slice_index,
            "label": one.item.label,
            "stratum": one.stratum,
            "weight": one.weight,
        }
        for one in drawn
    ]
    return json.dumps(described).encode()
