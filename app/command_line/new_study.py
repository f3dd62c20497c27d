"""Look at the scans of a new study, and write its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ihd_core.errors import DicomError, StudyError
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.progress import silent
from ihd_core.study.cases import case_paths, pixel_hash
from ihd_core.study.design import PHASES, Analysis, Case, Design, Phase, RatingPlan, Reader, Role
from ihd_core.study.protocol import Protocol
from ihd_core.study.select import counts
from ihd_core.study.study_folder import StudyFolder, create_study
from ihd_core.study.truth import Truth, read_slice_truth, read_truth

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

    from ihd_core.model_info import ModelInfo
    from ihd_core.progress import Report
    from ihd_core.study.select import LabelCount


def new_study(
    options: argparse.Namespace, passphrase: str, report: Report = silent
) -> tuple[StudyFolder, tuple[LabelCount, ...]]:
    """Do what `ihd study new` was asked for.

    Args:
        options: of the command line, see study.py.
        passphrase: seals the truth.
        report: called before every case and at the end.

    Returns:
        The study, and how many cases have each label.

    Raises:
        StudyError: a file does not fit, a case is missing, or the model was made with a patient of the study.
        DicomError: a scan cannot be read.
        ModelFileError: the model folder is damaged.
    """
    from app.places import default_model
    from ihd_core.model_file import read_info

    paths = case_paths(options.cases)
    scans = read_truth(options.truth)
    info = read_info(options.model or default_model())
    unknown = [name for name in options.training if name not in paths]
    if unknown:
        raise StudyError(f"{options.cases}: training case {unknown[0]} is missing")
    cases = []
    for number, (name, path) in enumerate(paths.items()):
        report(number, len(paths))
        cases.append(_case(name, path, info, name in options.training))
    report(len(paths), len(paths))
    slices = {}
    if options.slice_truth:
        slices = read_slice_truth(options.slice_truth, {case.scan_uid: case.name for case in cases})
    missing = next((case.name for case in cases if case.name not in scans), None)
    if missing is not None:
        raise StudyError(f"{options.truth}: case {missing} is missing")
    labels = tuple(label for label in DISPLAY_ORDER if all(label in scans[case.name] for case in cases))
    plan = _protocol(options, tuple(cases), labels, info)
    study = create_study(options.study, plan, Truth(scans, slices), passphrase, paths)
    return study, counts({case.name: scans[case.name] for case in plan.study_cases})


def _case(name: str, path: Path, info: ModelInfo, training: bool) -> Case:
    from ihd_core.dicom.reader import load_scan
    from ihd_core.dicom.series import find_series

    try:
        found = find_series([path])
        chosen = next((series for series in found.series if not series.refusal), found.series[0])
        scan = load_scan(chosen)
    except DicomError as error:
        raise StudyError(f"case {name}: {error}") from error
    overlap = info.training.role_of(chosen.details.patient_id, scan.series_uid)
    return Case(name, pixel_hash(scan.hu), scan.uid, len(scan), training, overlap)


def _protocol(
    options: argparse.Namespace, cases: tuple[Case, ...], labels: tuple[Label, ...], info: ModelInfo
) -> Protocol:
    if options.label not in labels:
        raise StudyError(f"--label {options.label}: is not one of {', '.join(labels)}")
    overlap = [case.name for case in cases if case.overlap]
    if overlap and not options.allow_overlap:
        raise StudyError(
            f"{len(overlap)} of {len(cases)} cases served to make the model {info.name} (the first: {overlap[0]}); "
            "--allow-overlap goes on and marks every table"
        )
    design = Design(options.design)
    each = options.concordant if options.concordant is not None else int(design != Design.PAPER)
    analysis = Analysis(
        endpoint=options.endpoint,
        label=Label(options.label),
        margin=options.margin,
        alpha=options.alpha,
        missing=options.missing,
        **({"hypothesis": options.hypothesis} if options.hypothesis else {}),
    )
    return Protocol(
        study=options.study.resolve().name,
        design=design,
        cases=cases,
        readers=_readers(options),
        phases=_phases(options, design),
        labels=labels,
        seed=options.seed,
        model=info.name,
        model_sha256=info.sha256,
        setting=options.setting,
        operating_points=_points(options.setting, info),
        washout_weeks=options.washout_weeks,
        repeats=options.repeats,
        analysis=analysis,
        rating=RatingPlan(concordant=each),
        clinical_information=options.clinical_information,
        overlap_allowed=options.allow_overlap,
    )


def _readers(options: argparse.Namespace) -> tuple[Reader, ...]:
    found = [Reader(name) for name in options.readers]
    found += [Reader(name, Role.ADJUDICATOR) for name in options.adjudicators]
    return (*found, Reader(options.panel, Role.PANEL)) if options.panel else tuple(found)


def _phases(options: argparse.Namespace, design: Design) -> tuple[Phase, ...]:
    if options.phases:
        return tuple(Phase(name) for name in options.phases)
    training = (Phase.TRAINING,) if options.training else ()
    adjudication = (Phase.ADJUDICATION,) if options.adjudicators else ()
    consensus = (Phase.CONSENSUS,) if options.panel else ()
    return (*training, *PHASES[design], *adjudication, *consensus)


def _points(setting: str, info: ModelInfo) -> Mapping[str, Mapping[Label, float]]:
    return {
        level: {label: info.threshold(setting, level, label) for label in DISPLAY_ORDER} for level in ("scan", "slice")
    }
