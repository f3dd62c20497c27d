"""Small protocols and study folders with values that are easy to follow by hand."""

from __future__ import annotations

import json

from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.study.design import Case, Design, Reader, Role
from ihd_core.study.opinion import Opinion, answer
from ihd_core.study.protocol import Protocol
from ihd_core.study.seat import Seat
from ihd_core.study.study_folder import create_study
from ihd_core.study.truth import Truth

POINTS = {level: dict.fromkeys(DISPLAY_ORDER, 0.5) for level in ("scan", "slice")}


def case(number, **changes):
    """c01, c02...: scan 1.2.1, 1.2.2... of four slices."""
    values = {
        "name": f"c{number:02d}",
        "pixels": f"{number:064x}",
        "scan_uid": f"1.2.{number}",
        "slices": 4,
    }
    return Case(**{**values, **changes})


def protocol(cases=6, readers=("r1", "r2"), **changes):
    """Six cases, two readers, sequential, seed 7, a model that calls above 0.5."""
    values = {
        "study": "pilot",
        "design": Design.SEQUENTIAL,
        "cases": tuple(case(number) for number in range(1, cases + 1)) if isinstance(cases, int) else cases,
        "readers": tuple(Reader(one) if isinstance(one, str) else one for one in readers),
        "seed": 7,
        "model": "toy",
        "model_sha256": "ab" * 32,
        "operating_points": POINTS,
    }
    return Protocol(**{**values, **changes})


def adjudicators(*names):
    """Readers who took no part."""
    return tuple(Reader(name, Role.ADJUDICATOR) for name in names)


PASSPHRASE = "correct horse"


def made_study(folder, plan=None, positive=("c01", "c02", "c03")):
    """A study on disk: of the cases named, any and subdural are true; of the others nothing is."""
    plan = plan or protocol()
    scans = {
        one.name: {label: one.name in positive and label in (Label.ANY, Label.SUBDURAL) for label in DISPLAY_ORDER}
        for one in plan.cases
    }
    return create_study(folder, plan, Truth(scans), PASSPHRASE, {one.name: folder / one.name for one in plan.cases})


def says(**calls):
    """An opinion: says(any=90, subdural=80); all other labels are no with 10."""
    return Opinion({label: answer(calls.get(label, 10)) for label in DISPLAY_ORDER})


def read_all(study, reader, said=None, **options):
    """Read every case that can be read now; said(case, phase) is the opinion. Returns the last standing."""
    with Seat(study, reader, **options) as seat:
        found = seat.standing
        while found.task is not None and found.task.item is None and found.task.case:
            opinion = said(found.task.case, found.task.phase) if said else says()
            seat.save_opinion(opinion)
            found = seat.lock()
        return found


def predicted(path, study, called=lambda case, index, label: label == Label.ANY):
    """What `ihd predict` would write of a study's cases: 0.9 where called, 0.1 elsewhere."""
    scans = []
    for one in study.protocol.cases:
        slices = []
        for index in range(one.slices):
            said = {label: 0.9 if called(one.name, index, label) else 0.1 for label in DISPLAY_ORDER}
            slices.append({"index": index, "sop_uid": f"{one.scan_uid}.{index}", "cnn": said, "bilstm": None})
        scan = {label: max(each["cnn"][label] for each in slices) for label in DISPLAY_ORDER}
        model = {"sha256": study.protocol.model_sha256}
        scans.append({"series_uid": one.scan_uid, "model": model, "scan": scan, "slices": slices})
    path.write_text(json.dumps({"scans": scans}))
    return path
