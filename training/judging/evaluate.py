"""Stage evaluate: choose on validation scans, judge on scans that nothing was chosen on, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import DISPLAY_ORDER, LABELS, Label
from ihd_core.model_info import SETTINGS
from ihd_core.progress import Report, silent
from ihd_core.scan_rule import ScanRule
from training.data.slice_table import UNKNOWN
from training.judging.blend import fit_blend
from training.judging.bootstrap import Bootstrap
from training.judging.judged import RolesOfRun, collect
from training.judging.operating_points import operating_points
from training.judging.scan_rule_fit import fit_scan_rule
from training.judging.table3 import BILSTM, CNN, FINAL, LEVELS, Row, measured, paper_layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ihd_core.model_info import Points
    from training.config import EvaluateConfig, RunConfig
    from training.judging.bootstrap import Drawn
    from training.judging.judged import Judged
    from training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen on validation scans.

    Attributes:
        blend: the CNN's share of every label's logit.
        scan_rule: from slices to a scan.
        points: operating points of the system.
    """

    blend: Mapping[Label, float]
    scan_rule: ScanRule
    points: Points


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """What an operating point reaches on the scans that are judged."""

    setting: str
    level: str
    label: Label
    sensitivity: Drawn
    specificity: Drawn


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What a run is worth.

    Attributes:
        judged: the scans it was measured on.
        bootstrap: the draws of all its statistics.
        choice: made on validation scans.
        scores: probabilities by model and level, rows as in judged.truth().
        rows: of CNN, BiLSTM and, where blend or scan rule make a difference, the system.
        losses: the challenge's weighted log loss by model.
        reached: every operating point.
    """

    judged: Judged
    bootstrap: Bootstrap
    choice: Choice
    scores: Mapping[str, Mapping[str, NDArray[np.float32]]]
    rows: tuple[Row, ...]
    losses: Mapping[str, Drawn]
    reached: tuple[Reached, ...]

    @property
    def system(self) -> str:
        """The model that is shipped: FINAL, or BILSTM where the system is nothing else."""
        return FINAL if FINAL in self.losses else BILSTM

    @property
    def gain(self) -> Drawn:
        """Loss of the system minus loss of the CNN alone, on the same draws."""
        return self.losses[self.system].minus(self.losses[CNN])

    @property
    def scans(self) -> int:
        """How many were judged."""
        return len(self.judged.scan_truth())

    @property
    def slices(self) -> int:
        """How many of their slices have all six labels."""
        return int(self.judged.table.is_labelled().sum())

    @property
    def judged_where_chosen(self) -> bool:
        """Whether the numbers flatter, because epochs, weights and thresholds were chosen on the same scans."""
        return self.judged.role == "validation"

    @property
    def caption(self) -> str:
        """On what the numbers were measured, in a sentence or two."""
        patients = len(self.bootstrap.names)
        text = f"{self.slices} labelled slices of {self.scans} {self.judged.role} scans of {patients} patients"
        text += "; called where p > 0.5; a scan's probability is the largest of its slices'"
        if self.choice.scan_rule.kind == "fitted":
            text += f", the {FINAL}'s is made by the fitted rule"
        if self.judged_where_chosen:
            return f"{text}. There are no test scans: these numbers were chosen on the same scans and flatter."
        return f"{text}."

    def row(self, model: str, level: str, label: Label) -> Row:
        """The row of a model, by level and label; FINAL is the BiLSTM where the system is nothing else."""
        name = self.system if model == FINAL else model
        return next(row for row in self.rows if (row.model, row.level, row.label) == (name, level, label))

    def table3(self) -> str:
        """Markdown: the paper's Table 3 for this run."""
        return paper_layout(self.rows)


def evaluate(run: RunFolder, *, report: Report = silent) -> Evaluation:
    """Choose and judge; leave tables and plots in the run's folder evaluate.

    Raises:
        FileError: the BiLSTM has not been fitted.
        NothingToJudgeError: no labelled slice is for test or validation.
    """
    from training.judging.evaluation_files import write_evaluation

    roles = RolesOfRun(run)
    validation, judged = (collect(run, role, roles=roles) for role in ("validation", roles.judged()[0]))
    found = assess(run.config, validation, judged, report=report)
    write_evaluation(run.path / "evaluate", found, title=run.config.name)
    run.note(f"evaluate: {found.caption}")
    return found


def assess(config: RunConfig, validation: Judged, judged: Judged, *, report: Report = silent) -> Evaluation:
    """Choose on validation scans, measure on judged ones; both with their BiLSTM's logits."""
    choice = choose(config.evaluate, validation)
    bootstrap = bootstrap_of(config, judged)
    models = _models(judged, choice)
    scores = {model: judged.probabilities(logits, rule) for model, (logits, rule) in models.items()}
    losses = {model: loss_of(bootstrap, judged, logits) for model, (logits, _) in models.items()}
    return Evaluation(
        judged,
        bootstrap,
        choice,
        scores,
        _rows(bootstrap, judged, scores, report),
        losses,
        _reached(bootstrap, judged, scores[list(models)[-1]], choice.points),
    )


def choose(config: EvaluateConfig, validation: Judged) -> Choice:
    """Blend, scan rule and operating points, as the configuration asks for them, from validation scans.

    With several folds a validation slice has the logits of the one network that did not see it, a test slice the mean
    of all networks', which is a little surer.
    """
    labelled = validation.table.is_labelled()
    blend = dict.fromkeys(LABELS, 0.0)
    if config.blend and validation.sequence is not None:
        truth = validation.table.truth[labelled] == 1
        blend = fit_blend(truth, validation.cnn[labelled], validation.sequence[labelled])
    rule, final = ScanRule(), validation.final(blend)
    if config.scan_rule == "fitted":
        rule = fit_scan_rule(validation.scan_truth(), final, validation.table.scan_starts())
    return Choice(blend, rule, operating_points(validation.truth(), validation.probabilities(final, rule)))


def bootstrap_of(config: RunConfig, judged: Judged) -> Bootstrap:
    """The draws of all statistics on these scans: they depend on the seed and the patients alone."""
    return Bootstrap(judged.table.patients, draws=config.evaluate.draws, seed=config.seed)


def loss_of(bootstrap: Bootstrap, judged: Judged, logits: NDArray[np.float32]) -> Drawn:
    """The challenge's loss of logits (slices, labels) on the labelled slices."""
    patient = bootstrap.patient(judged.patients()["slice"])
    return bootstrap.log_loss(judged.truth()["slice"] == 1, judged.labelled(logits), patient)


def _models(judged: Judged, choice: Choice) -> dict[str, tuple[NDArray[np.float32], ScanRule]]:
    """Logits and scan rule of everything that is measured; the last is what is shipped."""
    models = {CNN: (judged.cnn, ScanRule())}
    if judged.sequence is not None:
        models[BILSTM] = (judged.sequence, ScanRule())
    if choice.scan_rule.kind != "maximum" or any(choice.blend.values()):
        models[FINAL] = (judged.final(choice.blend), choice.scan_rule)
    return models


def _rows(
    bootstrap: Bootstrap, judged: Judged, scores: Mapping[str, Mapping[str, NDArray[np.float32]]], report: Report
) -> tuple[Row, ...]:
    """Measure every model, level and label."""
    truth, patient = judged.truth(), _patient(bootstrap, judged)
    rows: list[Row] = []
    wanted = [(model, level, label) for model in scores for level in LEVELS for label in DISPLAY_ORDER]
    for done, (model, level, label) in enumerate(wanted):
        report(done, len(wanted))
        yes, score = truth[level][:, label.column], scores[model][level][:, label.column]
        rows.append(measured(bootstrap, model, level, label, truth=yes, score=score, patient=patient[level]))
    report(len(wanted), len(wanted))
    return tuple(rows)


def _reached(
    bootstrap: Bootstrap, judged: Judged, score: Mapping[str, NDArray[np.float32]], points: Points
) -> tuple[Reached, ...]:
    """What every operating point reaches on the judged scans."""
    truth, patient, found = judged.truth(), _patient(bootstrap, judged), []
    for setting in SETTINGS:
        for level in LEVELS:
            for label in DISPLAY_ORDER:
                column = truth[level][:, label.column]
                known = column != UNKNOWN
                called = score[level][known, label.column] > np.float32(points[setting][level][label].threshold)
                rates = bootstrap.rates(column[known] == 1, called, patient[level][known])
                found.append(Reached(setting, level, label, *rates[1:]))
    return tuple(found)


def _patient(bootstrap: Bootstrap, judged: Judged) -> dict[str, NDArray[np.intp]]:
    return {level: bootstrap.patient(names) for level, names in judged.patients().items()}
