"""A study on disk: protocol, sealed truth, one record a reader, and the record of what the lead opened."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.errors import FileError, StudyError
from ihd_core.files import make_folder, write_atomically
from ihd_core.study.cases import case_paths, cases_csv
from ihd_core.study.design import LEAD, READING, Phase, Role
from ihd_core.study.phases import Item, Opened, answered, item_of, locked_phases, opinions, read_of
from ihd_core.study.protocol_file import protocol_hash, read_protocol, to_toml
from ihd_core.study.record import read_record, standing
from ihd_core.study.truth import Truth, checked_truth, sealed_truth, truth_from_json, truth_json, unsealed_truth

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ihd_core.study.protocol import Protocol
    from ihd_core.study.record import Row

PROTOCOL, CASES, SEALED, SHOWN, TRAINING_TRUTH = (
    "protocol.toml",
    "cases.csv",
    "truth.sealed",
    "truth.json",
    "training_truth.json",
)
OPEN, ITEM = "open", "item"
"""Kinds of event in the lead's record."""


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """A study as it was when it was opened.

    Attributes:
        path: of the folder.
        protocol: in force.
        sha256: of its file; rows name it.
        versions: version by the SHA-256 of its file, of all that were ever in force.
    """

    path: Path
    protocol: Protocol
    sha256: str
    versions: Mapping[str, int]

    def journal(self, reader: str) -> Path:
        """The record of one reader, or of the lead."""
        return self.path / "lead.csv" if reader == LEAD else self.path / "journals" / f"{reader}.csv"

    def rows(self, reader: str) -> tuple[Row, ...]:
        """Whole answers of one reader, or what the lead did; none where there is no record yet.

        Raises:
            StudyError: the record cannot be read, or is another reader's.
        """
        path = self.journal(reader)
        if not path.exists():
            return ()
        record = read_record(path)
        if record.reader not in ("", reader):
            raise StudyError(f"{path}: holds the answers of reader {record.reader}, not {reader}")
        return record.rows.all

    def paths(self) -> dict[str, Path]:
        """Where the scans are, by case; lines of cases.csv may be changed at any time.

        Raises:
            StudyError: cases.csv cannot be read.
        """
        return case_paths(self.path / CASES)

    def truth(self, passphrase: str) -> Truth:
        """The sealed truth.

        Raises:
            StudyError: it cannot be read, or the passphrase does not fit.
        """
        path = self.path / SEALED
        return unsealed_truth(_content(path), passphrase, str(path))

    def shown_truth(self) -> Truth | None:
        """The truth that the lead has shown; None before.

        Raises:
            StudyError: its file cannot be read.
        """
        if not any(row["event"] == OPEN and row["phase"] == Phase.REVEAL for row in self.rows(LEAD)):
            return None
        path = self.path / SHOWN
        return truth_from_json(_content(path), str(path))

    def training_truth(self) -> Truth:
        """What is true of the training cases; shown at once.

        Raises:
            StudyError: its file cannot be read.
        """
        path = self.path / TRAINING_TRUTH
        return truth_from_json(_content(path), str(path))

    def lists(self) -> dict[Phase, tuple[Item, ...]]:
        """The frozen items of every phase that the lead has opened; of reveal none, they differ by reader."""
        found: dict[Phase, list[Item]] = {}
        for answer in standing(self.rows(LEAD)):
            if answer[0]["event"] == OPEN:
                phase = Phase(answer[0]["phase"])
                found[phase] = [item_of(row) for row in answer if row["event"] == ITEM]
        return {phase: tuple(items) for phase, items in found.items()}

    def opened_for(self, reader: str) -> Opened:
        """What the lead has opened for one reader, and with which items."""
        lists: dict[Phase, tuple[Item, ...]] = self.lists()
        if Phase.REVEAL in lists:
            truth = self.shown_truth()
            if truth is not None:
                lists[Phase.REVEAL] = discordant_labels(self.protocol, self.rows(reader), truth)
        adjudicators = self.protocol.named(Role.ADJUDICATOR)
        if Phase.ADJUDICATION in lists and reader in adjudicators[2:]:
            ties = self._ties(adjudicators[:2], lists[Phase.ADJUDICATION])
            if ties is None:
                del lists[Phase.ADJUDICATION]
            else:
                lists[Phase.ADJUDICATION] = ties
        return Opened(lists)

    def _ties(self, first_two: Sequence[str], items: Sequence[Item]) -> tuple[Item, ...] | None:
        """Items on which the first two adjudicators differ; None before both have ended."""
        said = []
        for name in first_two:
            rows = self.rows(name)
            if Phase.ADJUDICATION not in locked_phases(rows):
                return None
            said.append({item: row["value"] for item, row in answered(rows, Phase.ADJUDICATION).items()})
        return tuple(item for item in items if said[0].get(item) != said[1].get(item))


def create_study(
    path: Path, protocol: Protocol, truth: Truth, passphrase: str, paths: Mapping[str, Path]
) -> StudyFolder:
    """Write a new study; its protocol last, so that a folder half written is no study.

    Args:
        path: a folder that does not exist or is empty.
        protocol: version 1.
        truth: of all its cases, may know more.
        passphrase: seals the truth.
        paths: of the scans, by case.

    Raises:
        StudyError: the folder is in use, the truth misses something, the passphrase is too short, or a file cannot be
            written.
    """
    truth = checked_truth(protocol, truth, "truth")
    training = {case.name for case in protocol.cases if case.training}
    sealed = sealed_truth(truth, passphrase)  # refused before anything is written
    try:
        if make_folder(path).exists() and any(path.iterdir()):
            raise StudyError(f"{path}: is not empty; a study needs a folder of its own")
        make_folder(path / "journals")
        write_atomically(
            path / CASES, cases_csv({case.name: paths[case.name] for case in protocol.cases}, path).encode()
        )
        write_atomically(path / SEALED, sealed)
        if training:
            of_training = Truth(
                {name: truth.scans[name] for name in truth.scans if name in training},
                {name: truth.slices[name] for name in truth.slices if name in training},
            )
            write_atomically(path / TRAINING_TRUTH, truth_json(of_training))
        write_atomically(path / PROTOCOL, to_toml(protocol))
    except FileError as error:
        raise StudyError(str(error)) from error
    return open_study(path)


def open_study(path: Path) -> StudyFolder:
    """Open a study and check that the protocol is the one under which every answer was given.

    Raises:
        StudyError: it is no study, a file cannot be read, or the protocol was changed after the first answer.
    """
    protocol, sha256 = read_protocol(path / PROTOCOL)
    versions = {sha256: protocol.version}
    later = protocol
    while later.version > 1:
        file = path / "versions" / f"protocol-{later.version - 1}.toml"
        earlier, hash_of_earlier = read_protocol(file)
        if hash_of_earlier != later.amends or earlier.version != later.version - 1:
            raise StudyError(f"{file}: is not the version that version {later.version} amends")
        versions[hash_of_earlier] = earlier.version
        later = earlier
    study = StudyFolder(path, protocol, sha256, versions)
    for name in (LEAD, *(reader.name for reader in protocol.readers)):
        foreign = next((row for row in study.rows(name) if row["protocol"] and row["protocol"] not in versions), None)
        if foreign is not None:
            raise StudyError(
                f"{path / PROTOCOL}: was changed after {name} gave row {foreign['sequence']}; put it back, and use "
                "`ihd study amend` for a new version"
            )
    return study


def write_amendment(study: StudyFolder, protocol: Protocol) -> StudyFolder:
    """Put a new version in force; the old one is kept in versions/.

    Args:
        study: as it is.
        protocol: of protocol.amended().

    Raises:
        StudyError: it does not amend the version in force, or cannot be written.
    """
    if protocol.amends != study.sha256:
        raise StudyError(f"{study.path / PROTOCOL}: version {protocol.version} amends another version than this one")
    try:
        folder = make_folder(study.path / "versions")
        write_atomically(folder / f"protocol-{study.protocol.version}.toml", _content(study.path / PROTOCOL))
        write_atomically(study.path / PROTOCOL, to_toml(protocol))
    except FileError as error:
        raise StudyError(str(error)) from error
    return open_study(study.path)


def is_frozen(study: StudyFolder) -> bool:
    """Whether there is an answer, so that only an amendment can change the protocol."""
    return any(study.rows(reader.name) for reader in study.protocol.readers)


def replaced_protocol(study: StudyFolder, protocol: Protocol) -> StudyFolder:
    """Write another protocol of the same version, before the first answer.

    Raises:
        StudyError: there is an answer, or the file cannot be written.
    """
    if is_frozen(study):
        raise StudyError(f"{study.path / PROTOCOL}: is frozen since the first answer; amend it instead")
    try:
        write_atomically(study.path / PROTOCOL, to_toml(protocol))
    except FileError as error:
        raise StudyError(str(error)) from error
    return StudyFolder(study.path, protocol, protocol_hash(to_toml(protocol)), study.versions)


def discordant_labels(protocol: Protocol, rows: Sequence[Row], truth: Truth) -> tuple[Item, ...]:
    """Labels that a reader's locked answers got wrong in any reading, by case; unanswered ones are not wrong."""
    wrong: dict[str, set[object]] = defaultdict(set)
    locked = {read_of(row) for row in rows if row["event"] == "lock"}
    for key, calls in opinions(rows).items():
        phase, case, _ = key
        if phase in READING and key in locked and case in truth.scans:
            true = truth.scans[case]
            wrong[case] |= {
                label for label, row in calls.items() if row["value"] and (row["value"] == "yes") != true[label]
            }
    return tuple(
        Item(case.name, label)
        for case in protocol.study_cases
        for label in protocol.labels
        if label in wrong[case.name]
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror or error})") from error
