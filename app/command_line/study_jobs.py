"""The work of `ihd study`: print what a person asked for, and say what is wrong in one line."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from getpass import getpass
from typing import TYPE_CHECKING

from app.command_line.arguments import BadCall
from app.command_line.terminal import progress, say
from app.places import version
from ihd_core.errors import StudyError
from ihd_core.files import file_errors, write_atomically
from ihd_core.study.checking import check_record, check_study, status, status_text
from ihd_core.study.design import Phase, Reader, Role
from ihd_core.study.export import export
from ihd_core.study.item_lists import rating_rule
from ihd_core.study.label_import import imported_labels, read_names
from ihd_core.study.lead import open_phase
from ihd_core.study.merging import merge
from ihd_core.study.order import order_text
from ihd_core.study.protocol import amended
from ihd_core.study.select import count_warnings, counts, counts_text, select
from ihd_core.study.study_folder import PROTOCOL, open_study, write_amendment
from ihd_core.study.tables import csv_text
from ihd_core.study.truth import read_truth

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

DONE, AT_FAULT = 0, 2


def passphrase(file: Path | None, *, twice: bool = False) -> str:
    """The lead's passphrase: the first line of a file, or typed.

    Raises:
        FileError: the file cannot be read.
        BadCall: there is no file and nobody to ask, or two entries differ.
    """
    if file is not None:
        with file_errors(file, "cannot be read"):
            lines = file.read_text(encoding="utf-8").splitlines()
        return lines[0] if lines else ""
    if not sys.stdin.isatty():
        raise BadCall("the lead's passphrase is needed; without a terminal give --passphrase-file FILE")
    typed = getpass("Passphrase of the lead: ")
    if twice and getpass("Once more: ") != typed:
        raise BadCall("the two passphrases differ")
    return typed


def _select(options: argparse.Namespace) -> int:
    table = read_truth(options.table)
    count = len(table) if options.count is None else options.count
    chosen = select(table, count, options.seed, minimum=options.minimum)
    drawn = {case: table[case] for case in chosen}
    found = counts(drawn)
    print(f"{len(chosen)} of {len(table)} cases, seed {options.seed}")
    print(counts_text(found))
    for line in count_warnings(found):
        say(line)
    if options.out:
        labels = [one.label for one in found]
        rows = [(case, *(int(calls[label]) for label in labels)) for case, calls in drawn.items()]
        write_atomically(options.out, csv_text(("case", *labels), rows).encode())
    return DONE


def _new(options: argparse.Namespace) -> int:
    from app.command_line.new_study import new_study

    secret = passphrase(options.passphrase_file, twice=True)
    with progress("cases", quiet=options.quiet) as report:
        study, found = new_study(options, secret, report)
    plan = study.protocol
    print(f"{study.path / PROTOCOL}: {len(plan.study_cases)} cases, {len(plan.readers)} readers, {plan.design}")
    print(f"phases: {', '.join(plan.phases)}; seed {plan.seed}; protocol {study.sha256[:12]}")
    print(counts_text(found))
    for line in count_warnings(found):
        say(line)
    overlap = [case.name for case in plan.cases if case.overlap]
    if overlap:
        say(f"{len(overlap)} cases served to make the model ({', '.join(overlap[:5])}...); every table marks them")
    return DONE


def _order(options: argparse.Namespace) -> int:
    plan = open_study(options.study).protocol
    plan.reader(options.reader)
    if options.reader not in plan.named(Role.READER):
        raise StudyError(f"{options.reader}: does not read scans; only a reader has an order")
    print(order_text(plan, options.reader))
    return DONE


def _open(options: argparse.Namespace) -> int:
    study, phase = open_study(options.study), Phase(options.phase)
    secret = passphrase(options.passphrase_file)
    count = open_phase(study, phase, secret, options.predictions, software=f"ihd {version()}")
    if phase == Phase.RATING:
        print(rating_rule(study.protocol, study.truth(secret)))
    what = "labels that readers got wrong" if phase == Phase.REVEAL else "items on its list"
    print(f"{phase} is open: {count} {what}")
    return DONE


def _amend(options: argparse.Namespace) -> int:
    study = open_study(options.study)
    plan = study.protocol
    changes: dict[str, object] = {}
    if options.add_readers:
        changes["readers"] = (*plan.readers, *(Reader(name) for name in options.add_readers))
    if options.washout_weeks is not None:
        changes["washout_weeks"] = options.washout_weeks
    if options.missing:
        changes["analysis"] = replace(plan.analysis, missing=options.missing)
    if not changes:
        raise BadCall("nothing is to be changed; see: ihd study amend --help")
    later = write_amendment(study, amended(plan, study.sha256, options.reason, **changes))
    print(f"version {later.protocol.version} is in force: {later.protocol.reason}")
    return DONE


def _status(options: argparse.Namespace) -> int:
    study = open_study(options.study)
    print(status_text(study, status(study, datetime.now(UTC))))
    return DONE


def _check(options: argparse.Namespace) -> int:
    problems = 0
    for path in options.paths:
        found = check_study(open_study(path)) if path.is_dir() else (check_record(path),)
        for one in found:
            problems += len(one.problems)
            state = f"{len(one.problems)} problems" if one.problems else "whole"
            print(f"{one.path}: {one.rows} rows, {state}")
            for line in one.problems:
                say(f"{one.path}: {line}")
            for line in one.remarks:
                print(f"  {line}")
        if not found:
            print(f"{path}: no records yet")
    return AT_FAULT if problems else DONE


def _merge(options: argparse.Namespace) -> int:
    merged = merge(options.study, options.others)
    print("\n".join(merged.taken) or "nothing new")
    return DONE


def _export(options: argparse.Namespace) -> int:
    study = open_study(options.study)
    remarks = export(study, options.out, passphrase(options.passphrase_file))
    for line in remarks:
        say(line)
    print(f"written to {options.out}")
    return DONE


def _import(options: argparse.Namespace) -> int:
    content = imported_labels(options.table, read_names(options.names))
    write_atomically(options.out, content.encode())
    print(f"{content.count(chr(10)) - 1} rows in {options.out}")
    return DONE


JOBS = {
    "select": _select,
    "new": _new,
    "order": _order,
    "open": _open,
    "amend": _amend,
    "status": _status,
    "check": _check,
    "merge": _merge,
    "export": _export,
    "import": _import,
}
"""What does the work of a command of `ihd study`."""
