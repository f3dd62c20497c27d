"""The scans that a run is judged on: their truth, and what CNN and BiLSTM say of every slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.errors import IhdError
from ihd_core.labels import LABELS
from training.judging.blend import blended

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ihd_core.labels import Label
    from ihd_core.scan_rule import ScanRule
    from training.data.slice_table import SliceTable
    from training.run_folder import RunFolder


class NothingToJudgeError(IhdError):
    """No scan has the role and the truth that judging needs."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Scans of one role.

    Attributes:
        role: "test", or "validation": then every slice's logits come from the fold that did not see it.
        table: its slices, whole scans.
        cnn: float32 (slices, labels), logits; of test slices the mean over the folds.
        sequence: likewise of the BiLSTM; None where only the CNN was asked for.
    """

    role: str
    table: SliceTable
    cnn: NDArray[np.float32]
    sequence: NDArray[np.float32] | None

    def final(self, blend: Mapping[Label, float]) -> NDArray[np.float32]:
        """The system's logits: CNN and BiLSTM mixed; the CNN's where there is no BiLSTM."""
        return self.cnn if self.sequence is None else blended(blend, self.cnn, self.sequence)

    def truth(self) -> dict[str, NDArray[np.int8]]:
        """Truth of the slices whose six labels are known and of all scans, by level, (rows, labels)."""
        return {"slice": self.table.truth[self.table.is_labelled()], "scan": self.scan_truth()}

    def scan_truth(self) -> NDArray[np.int8]:
        """int8 (scans, labels): 1, 0 or UNKNOWN."""
        return self.table.scan_truth[self.table.scan_starts()]

    def patients(self) -> dict[str, NDArray[np.str_]]:
        """The patient of every row of truth()."""
        patients = self.table.patients
        return {"slice": patients[self.table.is_labelled()], "scan": patients[self.table.scan_starts()]}

    def labelled(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """The rows whose six labels are known."""
        return logits[self.table.is_labelled()]

    def probabilities(self, logits: NDArray[np.float32], rule: ScanRule) -> dict[str, NDArray[np.float32]]:
        """Probabilities of the rows of truth(); a scan's are made from all its slices, labelled or not."""
        from ihd_core.scan_rule import probabilities

        scans = np.split(logits, self.table.scan_starts()[1:]) if len(logits) else []
        whole = np.stack([rule.apply(scan) for scan in scans]) if scans else np.zeros((0, logits.shape[1]), np.float32)
        return {"slice": probabilities(self.labelled(logits)), "scan": whole}


class RolesOfRun:
    """All slices of a run, and which of them have which role; read once, because there may be a million.

    Args:
        run: split and prepared.

    Attributes:
        table: its slices.
    """

    def __init__(self, run: RunFolder) -> None:
        from training.data.pictures import open_pictures
        from training.data.split import roles

        self._path, self.table = run.path, open_pictures(run).table
        self._roles = [roles(run, self.table, fold) for fold in run.folds()]

    def rows(self, role: str) -> list[NDArray[np.intp]]:
        """Rows of a role in every fold, rising."""
        from training.data.split import ROLES

        return [np.flatnonzero(of_fold == ROLES.index(role)) for of_fold in self._roles]

    def judged(self) -> tuple[str, SliceTable]:
        """The role that is judged and its slices: test, or validation where no test slice has all labels.

        Raises:
            NothingToJudgeError: there is no labelled slice in either role.
        """
        for role in ("test", "validation"):
            found = self.table.rows(_union(self.rows(role)))
            if found.is_labelled().any():
                return role, found
        raise NothingToJudgeError(f"{self._path}: no labelled slice is for test or validation; give it a share")


def collect(run: RunFolder, role: str, *, roles: RolesOfRun | None = None, sequence: bool = True) -> Judged:
    """Gather what the folds of a run say of the scans of a role; it may be no scan.

    Args:
        run: its CNN, embeddings and, where asked for, BiLSTM are finished.
        role: "test" or "validation".
        roles: of this run or another of the same split, where they were read already.
        sequence: whether the BiLSTM is gathered too.
    """
    from training.fitting.features import load_embeddings
    from training.fitting.sequence import sequence_logits

    roles = roles or RolesOfRun(run)
    rows = roles.rows(role)
    cnn = _gathered(role, rows, (load_embeddings(run, fold).logits for fold in run.folds()))
    second = _gathered(role, rows, (sequence_logits(run, fold) for fold in run.folds())) if sequence else None
    return Judged(role, roles.table.rows(_union(rows)), cnn, second)


def _union(rows: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
    return np.unique(np.concatenate(rows))


def _gathered(role: str, rows: Sequence[NDArray[np.intp]], folds: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Logits of the rows of a role over all folds: their mean on test rows, each fold's own on its validation rows."""
    chosen = _union(rows)
    total = np.zeros((len(chosen), len(LABELS)), np.float32)
    for of_fold, logits in zip(rows, folds, strict=True):
        total[np.searchsorted(chosen, of_fold)] += logits[of_fold]
    return total / np.float32(len(rows)) if role == "test" else total
