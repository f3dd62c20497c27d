"""All twelve rows of the paper's Table 2 as runs on one split: which CNN, which features, how many, which BiLSTM."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.files import file_errors, make_folder, write_atomically
from ihd_core.labels import LABELS, Label
from ihd_core.progress import Report, silent
from training.config import ConfigError
from training.judging.evaluate import bootstrap_of, loss_of
from training.judging.judged import RolesOfRun, collect
from training.judging.table3 import with_interval
from training.judging.variants import complete, part_of, variant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from training.config import RunConfig
    from training.judging.bootstrap import Bootstrap, Drawn
    from training.judging.judged import Judged
    from training.run_folder import RunFolder

OTHER_CNN, CNN_ALONE, SMALLEST_192, SMALLEST_120 = "other-cnn", "cnn", "smallest-192", "smallest-120"
PCA_192, PCA_120, FINAL_ROW = "pca-192", "pca-120", "pca-120-probabilities"

NAMES = {
    "resnext101_32x8d": "ResNeXt-101 32×8d",
    "resnext50_32x4d": "ResNeXt-50 32×4d",
    "efficientnet_b4": "EfficientNet-B4",
    "small": "small backbone",
    "tiny": "tiny backbone",
}
_OTHERS = {
    "resnext101_32x8d": "efficientnet_b4",
    "resnext50_32x4d": "efficientnet_b4",
    "efficientnet_b4": "resnext101_32x8d",
    "small": "tiny",
    "tiny": "small",
    "lite0": "small",
}
"""The paper compares two CNNs; the one to compare a run's with."""


@dataclass(frozen=True, slots=True)
class Method:
    """One row of the paper's table.

    Attributes:
        name: of the row's folder.
        bilstm: layers and units as the table writes them; empty for the CNN alone.
        features: as the table names them.
        count: of features; 0: as many as the CNN has.
        paper: the paper's loss on RSNA 2019's test set.
        changes: to the run's configuration.
    """

    name: str
    bilstm: str
    features: str
    count: int
    paper: float
    changes: tuple[str, ...] = ()


def _with_bilstm(name: str, shape: tuple[int, int], features: str, count: int, paper: float, *changes: str) -> Method:
    layers, hidden = shape
    fixed = (f"sequence.layers={layers}", f"sequence.hidden={hidden}")
    return Method(name, f"{layers}×{hidden}", features, count, paper, (*fixed, *changes))


def _features(kind: str, count: int) -> tuple[str, ...]:
    return f"reduction.kind={kind}", f"reduction.count={count}", "sequence.probabilities=none"


_OF_PCA, _OF_SMALLEST = "PCA features", "Features of weights with smallest magnitude"

METHODS = (
    Method(OTHER_CNN, "", "Full feature vectors", 0, 0.07212),
    Method(CNN_ALONE, "", "Full feature vectors", 0, 0.06259),
    _with_bilstm(
        "predictions", (3, 256), "CNN's predictions", 6, 0.05540, "reduction.kind=none", "sequence.probabilities=input"
    ),
    _with_bilstm(
        "deviation-192", (3, 256), "Features with largest standard deviations", 192, 0.05212,
        *_features("deviation", 192),
    ),
    _with_bilstm(
        "largest-192", (3, 256), "Features of weights with largest magnitude", 192, 0.05365, *_features("largest", 192)
    ),
    _with_bilstm(SMALLEST_192, (3, 256), _OF_SMALLEST, 192, 0.05136, *_features("smallest", 192)),
    _with_bilstm(SMALLEST_120, (3, 256), _OF_SMALLEST, 120, 0.05035, *_features("smallest", 120)),
    _with_bilstm("pca-192-2x128", (2, 128), _OF_PCA, 192, 0.05207, *_features("pca", 192)),
    _with_bilstm("pca-192-3x128", (3, 128), _OF_PCA, 192, 0.05198, *_features("pca", 192)),
    _with_bilstm(PCA_192, (3, 256), _OF_PCA, 192, 0.05096, *_features("pca", 192)),
    _with_bilstm(PCA_120, (3, 256), _OF_PCA, 120, 0.05022, *_features("pca", 120)),
    _with_bilstm(
        FINAL_ROW, (3, 256), "PCA features + CNN's predictions", 120, 0.04989, "reduction.kind=pca",
        "reduction.count=120",
    ),
)  # fmt: skip
"""In the paper's order.

Source:
    Burduja et al., Sensors 2020, 20(19):5611, Table 2.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Table2Row:
    """A row as it was measured.

    Attributes:
        method: of the paper's table.
        cnn: the CNN's name.
        count: of features.
        loss: weighted log loss on the judged slices; None where the row could not be made.
        sensitivity: on slices, p > 0.5, by label.
        reason: why the row could not be made.
    """

    method: Method
    cnn: str
    count: int
    loss: Drawn | None = None
    sensitivity: Mapping[Label, Drawn] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Table2:
    """The table as it was measured; all rows share slices and draws.

    Attributes:
        rows: in the paper's order.
        caption: on what it was measured.
    """

    rows: tuple[Table2Row, ...]
    caption: str

    def row(self, name: str) -> Table2Row:
        """The row of a method."""
        return next(row for row in self.rows if row.method.name == name)

    def as_markdown(self) -> str:
        """The paper's columns, with intervals, paired differences and the paper's own loss beside them."""
        head = ["Method", "BiLSTM model", "Features", "Feature count", "Loss (95 %)", "minus CNN alone (95 %)"]
        head += ["minus last row (95 %)", "Sensitivity for any, slices (95 %)", "Paper's loss, RSNA 2019 test set"]
        lines = [_line(head), _line([*["---"] * 3, *["---:"] * 6])]
        for row in self.rows:
            name = f"{row.cnn} + BiLSTM" if row.method.bilstm else row.cnn
            cells = [name, row.method.bilstm or "–", row.method.features, str(row.count), *self._numbers(row)]
            lines.append(_line([*cells, f"{row.method.paper:.5f}"]))
        return "\n".join(lines) + f"\n\n{self.caption}\n"

    def _numbers(self, row: Table2Row) -> list[str]:
        if row.loss is None or row.sensitivity is None:
            return [f"not made: {row.reason}", "–", "–", "–"]
        cells = [with_interval(row.loss, digits=5)]
        for name in (CNN_ALONE, FINAL_ROW):
            other = self.row(name).loss
            is_itself = name == row.method.name
            cells.append(
                "–" if is_itself or other is None else with_interval(row.loss.minus(other), digits=5, sign=True)
            )
        return [*cells, with_interval(row.sensitivity[Label.ANY], digits=3)]


def table2(run: RunFolder, *, other_start: str = "", report: Report = silent) -> Table2:
    """Fit and judge all rows; what an earlier sitting finished is kept. Writes table2/table2.md and table2.csv.

    Every row has the run's numbers but those that make it this row, without a blend of CNN and BiLSTM. A row that
    needs more features than the CNN has is named and left out.

    Args:
        run: its CNN and embeddings are finished.
        other_start: file of starting weights of the other CNN; empty: random.
        report: called with shares of all rows.

    Raises:
        NothingToJudgeError: no labelled slice is for test or validation.
        Cancelled: by report.
    """
    folder = make_folder(run.path / "table2")
    roles = RolesOfRun(run)
    alone = collect(run, roles.judged()[0], roles=roles, sequence=False)
    bootstrap = bootstrap_of(run.config, alone)
    if run.config.cnn.start and not other_start:
        run.note("table2: the other CNN has no starting weights and begins from random ones: no fair comparison")
    rows = []
    for number, method in enumerate(METHODS):
        changes = changes_of(method, run.config, other_start)
        of_row = variant(run, folder / method.name, changes) if changes else run
        row = _row(of_row, method, roles, bootstrap, report=part_of(report, number, len(METHODS)))
        run.note(f"table2: {row.cnn}, {method.bilstm or 'alone'}, {method.features}, {row.count}: {_told(row)}")
        rows.append(row)
    table = Table2(tuple(rows), _caption(alone, bootstrap, random_start=bool(run.config.cnn.start and not other_start)))
    write_atomically(folder / "table2.md", f"# {run.config.name}: Table 2\n\n{table.as_markdown()}".encode())
    _write_csv(folder / "table2.csv", table)
    return table


def changes_of(method: Method, config: RunConfig, other_start: str = "") -> tuple[str, ...]:
    """What makes a run this row."""
    if method.name == OTHER_CNN:
        return f"cnn.backbone={_OTHERS[config.cnn.backbone]}", f"cnn.start={other_start}", "cnn.frozen=0"
    if method.name == FINAL_ROW and config.sequence.probabilities == "none":
        return *method.changes, "sequence.probabilities=classifier"
    return method.changes


def _row(row: RunFolder, method: Method, roles: RolesOfRun, bootstrap: Bootstrap, *, report: Report) -> Table2Row:
    """Fit what a row needs, and measure it where the CNN alone is measured."""
    from training.fitting.features import load_embeddings

    is_cnn = not method.bilstm
    cnn = NAMES.get(row.config.cnn.backbone, row.config.cnn.backbone)
    try:
        complete(row, report, sequence=not is_cnn)
    except ConfigError as error:
        return Table2Row(method, cnn, method.count, reason=str(error))
    report(1, 1)
    judged = collect(row, roles.judged()[0], roles=roles, sequence=not is_cnn)
    logits = judged.final({})
    called = judged.labelled(logits) > 0
    truth, patient = judged.truth()["slice"] == 1, bootstrap.patient(judged.patients()["slice"])
    rates = {label: bootstrap.rates(truth[:, i], called[:, i], patient)[1] for i, label in enumerate(LABELS)}
    count = method.count or int(load_embeddings(row, 0).pooled.shape[1])
    return Table2Row(method, cnn, count, loss_of(bootstrap, judged, logits), rates)


def _caption(judged: Judged, bootstrap: Bootstrap, *, random_start: bool) -> str:
    slices = int(judged.table.is_labelled().sum())
    text = f"Weighted multi-label log loss on {slices} labelled slices of {judged.role} scans; {bootstrap.method}, the "
    text += "same for all rows. The last column is the paper's, on data that these numbers were not measured on."
    if judged.role == "validation":
        text += " There are no test scans: epochs were chosen on the same scans."
    return text + (" The other CNN began from random weights, the run's did not." if random_start else "")


def _told(row: Table2Row) -> str:
    return f"not made: {row.reason}" if row.loss is None else with_interval(row.loss, digits=5)


def _write_csv(path: Path, table: Table2) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with file_errors(path), temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "cnn", "bilstm", "features", "count", "loss", "low", "high", "paper", "reason"])
        for row in table.rows:
            found = row.loss.estimate() if row.loss else None
            numbers = ["", "", ""] if found is None else [found.value, found.low, found.high]
            method = row.method
            names = [method.name, row.cnn, method.bilstm, method.features, row.count]
            writer.writerow([*names, *numbers, method.paper, row.reason])
    with file_errors(path):
        temporary.replace(path)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
