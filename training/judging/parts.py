"""What every part of the preset beyond does by itself, as a run that differs in nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.errors import FileError
from ihd_core.files import make_folder, write_atomically
from ihd_core.labels import SUBTYPES, Label
from ihd_core.progress import Report, silent
from training.config import ConfigError, changed
from training.data.slice_table import UNKNOWN
from training.fitting.map_quality import MapQuality, map_quality
from training.judging.evaluate import bootstrap_of, choose, loss_of
from training.judging.judged import Judged, RolesOfRun, collect
from training.judging.table3 import with_interval
from training.judging.variants import complete, part_of, variant
from training.presets import PARTS_OF_BEYOND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from training.judging.bootstrap import Bootstrap, Drawn
    from training.run_folder import RunFolder

THE_RUN, ALL_PARTS, LOCALISED = "the run itself", "all parts of beyond", "localised"

LOCALISED_CHANGES = ("localised.mask_head=1", "localised.outside=0.2", "localised.missed=0.2")
"""The paper's future work: lesions as a second teacher."""


_WHOSE = {"any": [Label.ANY.column], "subtypes": [label.column for label in SUBTYPES]}
_MAPS = "maps.json"


@dataclass(frozen=True, slots=True, eq=False)
class PartNumbers:
    """What a run's system is worth, on draws that all parts share.

    Attributes:
        loss: weighted log loss on slices.
        slice_auc: of any.
        scan_auc: of any.
        scan_sensitivity: of any, p > 0.5.
    """

    loss: Drawn
    slice_auc: Drawn
    scan_auc: Drawn
    scan_sensitivity: Drawn

    def all(self) -> tuple[Drawn, ...]:
        """The four numbers in their order."""
        return self.loss, self.slice_auc, self.scan_auc, self.scan_sensitivity


@dataclass(frozen=True, slots=True, eq=False)
class PartRow:
    """One part.

    Attributes:
        name: of the part.
        changes: to the run's configuration.
        numbers: None where the part could not be measured.
        reason: why not.
    """

    name: str
    changes: tuple[str, ...]
    numbers: PartNumbers | None
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The parts as measured; the first row is the run itself.

    Attributes:
        rows: in order.
        maps: how well the CNN's maps keep to lesions and skull, of the run itself and with lesions as a teacher.
        caption: on what they were measured.
    """

    rows: tuple[PartRow, ...]
    maps: Mapping[str, MapQuality]
    caption: str

    def as_markdown(self) -> str:
        """Every number with its interval, then its paired difference to the run."""
        itself = self.rows[0].numbers
        head = ["Part", "Log loss, slices", "AUC of any, slices", "AUC of any, scans", "Sensitivity for any, scans"]
        values, gains = [head, ["---", *["---:"] * 4]], [head, ["---", *["---:"] * 4]]
        for row in self.rows:
            if row.numbers is None or itself is None:
                values.append([row.name, f"not measured: {row.reason}", "", "", ""])
                continue
            values.append([row.name, *(with_interval(number, digits=4) for number in row.numbers.all())])
            if row.name != THE_RUN:
                pairs = zip(row.numbers.all(), itself.all(), strict=True)
                gains.append([row.name, *(with_interval(a.minus(b), digits=4, sign=True) for a, b in pairs)])
        parts = [_table(values), "Differences to the run itself; a smaller loss is better:", _table(gains)]
        return "\n\n".join([*parts, self._maps_as_markdown(), self.caption]) + "\n"

    def _maps_as_markdown(self) -> str:
        """Lesions found and evidence outside the skull; of the subtypes the sums."""
        titles = [f"{what}, {whose}" for what in ("Lesions found", "Evidence outside the skull") for whose in _WHOSE]
        lines = [["CNN's maps", *titles], ["---", *["---:"] * 4]]
        for name, found in self.maps.items():
            counts = [(int(found.found[c].sum()), int(found.lesions[c].sum())) for c in _WHOSE.values()]
            shares = [(found.outside[c].sum(), found.evidence[c].sum()) for c in _WHOSE.values()]
            recalls = [f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "–" for part, whole in counts]
            lines.append([name, *recalls, *(f"{100 * a / b:.1f} %" if b else "–" for a, b in shares)])
        return _table(lines)


def beyond_parts(run: RunFolder, *, report: Report = silent) -> Parts:
    """Fit and judge the run with each part alone, with lesions as a second teacher, and with all parts together.

    What an earlier sitting finished is kept. Writes parts/parts.md.

    Args:
        run: finished up to the BiLSTM.
        report: called with shares of all parts.

    Raises:
        NothingToJudgeError: no labelled slice is for test or validation.
        Cancelled: by report.
    """
    folder = make_folder(run.path / "parts")
    roles = RolesOfRun(run)
    base = collect(run, roles.judged()[0], roles=roles)
    bootstrap = bootstrap_of(run.config, base)
    together = tuple(change for changes in PARTS_OF_BEYOND.values() for change in changes)
    wanted = {**PARTS_OF_BEYOND, LOCALISED: LOCALISED_CHANGES, ALL_PARTS: together}
    steps = len(wanted) + 2
    rows = [PartRow(THE_RUN, (), measure_system(run, roles, bootstrap))]
    maps = {THE_RUN: _map_quality(run, folder / _MAPS, base.role, part_of(report, 0, steps))}
    for number, (name, changes) in enumerate(wanted.items(), start=1):
        rows.append(_part(run, name, changes, (base, bootstrap), part_of(report, number, steps)))
        run.note(f"parts: {name}: {_told(rows[-1])}")
    last = part_of(report, steps - 1, steps)
    taught = next(row for row in rows if row.name == LOCALISED)
    if taught.numbers is not None:
        part = variant(run, folder / _folder_name(LOCALISED), taught.changes)
        maps[LOCALISED] = _map_quality(part, part.path / _MAPS, base.role, last)
    last(1, 1)
    table = Parts(tuple(rows), maps, _caption(base, bootstrap))
    write_atomically(folder / "parts.md", f"# {run.config.name}: parts\n\n{table.as_markdown()}".encode())
    return table


def measure_system(run: RunFolder, roles: RolesOfRun, bootstrap: Bootstrap) -> PartNumbers:
    """Choose blend and scan rule as the run's configuration says, and measure the system on judged scans."""
    choice = choose(run.config.evaluate, collect(run, "validation", roles=roles))
    judged = collect(run, roles.judged()[0], roles=roles)
    logits, truth, patients = judged.final(choice.blend), judged.truth(), judged.patients()
    score, column = judged.probabilities(logits, choice.scan_rule), Label.ANY.column
    slices, known = bootstrap.patient(patients["slice"]), truth["scan"][:, column] != UNKNOWN
    scans, of_scan = bootstrap.patient(patients["scan"])[known], score["scan"][known, column]
    yes = truth["scan"][known, column] == 1
    return PartNumbers(
        loss_of(bootstrap, judged, logits),
        bootstrap.area(truth["slice"][:, column] == 1, score["slice"][:, column], slices),
        bootstrap.area(yes, of_scan, scans),
        bootstrap.rates(yes, of_scan > 0.5, scans)[1],
    )


def _part(
    run: RunFolder, name: str, changes: tuple[str, ...], measured_on: tuple[Judged, Bootstrap], report: Report
) -> PartRow:
    from training.data.split import make_split

    if changed(run.config, list(changes)) == run.config:
        return PartRow(name, changes, None, "the run has it already")
    base, bootstrap = measured_on
    part = variant(run, run.path / "parts" / _folder_name(name), changes)
    # The split alone decides on which scans a run is judged; it is cheap, what follows is not.
    try:
        make_split(part)
    except FileError as error:
        return PartRow(name, changes, None, str(error))
    roles = RolesOfRun(part)
    role, judged = roles.judged()
    if not np.array_equal(judged.ids, base.table.ids):
        return PartRow(name, changes, None, f"its split leaves other {role} scans, so no difference can be paired")
    try:
        complete(part, report)
    except ConfigError as error:
        return PartRow(name, changes, None, str(error))
    report(1, 1)
    return PartRow(name, changes, measure_system(part, roles, bootstrap))


def _map_quality(run: RunFolder, file: Path, role: str, report: Report) -> MapQuality:
    """Judge the maps of a run's CNN, once."""
    digest = run.digest("cnn")
    if file.exists() and (kept := json.loads(file.read_text()))["cnn"] == digest:
        return MapQuality(*(np.array(kept[one.name]) for one in fields(MapQuality)))
    found = map_quality(run, role, report=report)
    content = {"cnn": digest, **{one.name: getattr(found, one.name).tolist() for one in fields(MapQuality)}}
    write_atomically(file, json.dumps(content).encode())
    return found


def _folder_name(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower())


def _table(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _caption(judged: Judged, bootstrap: Bootstrap) -> str:
    slices, scans = int(judged.table.is_labelled().sum()), len(judged.scan_truth())
    lines = [
        f"{slices} labelled slices of {scans} {judged.role} scans; {bootstrap.method}, the same for all rows.",
        "A lesion is found by a peak of its label's map on it; lesions of one head depend on one another, so their",
        "shares have no interval.",
    ]
    if judged.role == "validation":
        lines.append("There are no test scans: what a part chooses was chosen on the same scans, which flatters it.")
    return " ".join(lines)


def _told(row: PartRow) -> str:
    return f"not measured: {row.reason}" if row.numbers is None else with_interval(row.numbers.loss, digits=5)
