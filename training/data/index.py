"""Stage index: which slices there are, whose, in which order, with which labels; and what is wrong with them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Literal

from ihd_core.errors import FileError
from ihd_core.files import sha256, write_atomically
from ihd_core.progress import Report, silent
from training.data.header_scan import files_below, scan_headers
from training.data.labelling import labelled
from training.data.labels.layouts import read_labels
from training.data.labels.rsna import read_ids
from training.data.masks import lesions_sha256
from training.data.problems import faults, in_order, summary, write_problems
from training.data.scans import find_scans
from training.data.slice_table import read_table, write_table
from training.data.sources import Sources, read_sources, write_sources
from training.data.table1 import as_markdown, counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.data.labels.given import GivenLabels
    from training.data.problems import Problem
    from training.data.slice_table import SliceTable
    from training.run_folder import RunFolder

TABLE, PROBLEMS, REPORT, TABLE1 = "slices.csv", "problems.csv", "report.txt", "table1.md"
_HEADERS = "headers"


def make_index(
    run: RunFolder,
    sources: Sources,
    *,
    problems: Literal["leave-out", "refuse"] = "leave-out",
    processes: int | None = None,
    report: Report = silent,
) -> None:
    """Write the table of slices, the problems, and what a person should read of both.

    Args:
        run: the stage's folder is index.
        sources: files and folders.
        problems: "leave-out": go on without the rows that problems.csv names; "refuse": stop where there is one.
        processes: that read headers; None: one a core.
        report: called with files, then with slices; may raise Cancelled, and the next call goes on from there.

    Raises:
        FileError: something is missing, or the run was indexed from something else, or a problem was found and
            problems is "refuse"; then problems.csv and report.txt are there.
    """
    if run.is_done("index"):
        if read_sources(run.folder("index")) not in {None, sources}:
            raise FileError(f"{run.path / 'index'}: was made from other files; choose another run folder or remove it")
        return
    sources.refuse_missing()
    folder = run.begin("index")
    write_sources(folder, sources)
    given = read_labels(sources)
    files, no_files = files_below(sources.root, sources.images)
    headers = scan_headers(sources.root, files, folder / _HEADERS, processes=processes, report=report)
    named_by_file = sources.layout == "rsna"
    scans = find_scans(headers.lines, sources.root, named_by_file=named_by_file, report=report)
    wanted = read_ids(sources.sample_submission) if sources.sample_submission else []
    done = labelled(scans.scans, given, files=files, wanted=wanted, named_by_file=named_by_file)
    table = done.table
    found = in_order([*no_files, *headers.problems, *scans.problems, *given.problems, *done.problems])
    table1 = as_markdown({"All": counts(table)})
    write_problems(folder / PROBLEMS, found)
    lines = [*_head(sources, files, table, given), *_problem_lines(found), table1]
    write_atomically(folder / REPORT, "\n".join(lines).encode("utf-8", "backslashreplace"))
    if problems == "refuse" and (count := faults(found)):
        raise FileError(f"{folder / REPORT}: {count:,} problems, none is allowed; the report names them")
    if not len(table):
        raise FileError(f"{folder / REPORT}: none of {len(files):,} files can be used; the report says why")
    write_atomically(folder / TABLE1, table1.encode())
    write_table(folder / TABLE, table)
    numbers = {"slices": len(table), "scans": len(table.scan_starts()), "problems": len(found)}
    given_lesions = lesions_sha256(sources.masks, sources.boxes)
    lesions = {"lesions_sha256": given_lesions} if given_lesions else {}
    run.finish("index", data_sha256=sha256((folder / TABLE).read_bytes()), **lesions, **numbers)
    shutil.rmtree(folder / _HEADERS)
    run.note("index: " + ", ".join(f"{number:,} {name}" for name, number in numbers.items()))


def load_index(run: RunFolder) -> SliceTable:
    """The table of slices.

    Raises:
        FileError: there is no index, or it is damaged.
    """
    return read_table(run.folder("index") / TABLE)


def _head(sources: Sources, files: Sequence[str], table: SliceTable, given: GivenLabels) -> list[str]:
    labelled_rows = int(table.is_labelled().sum())
    patients = len(set(table.patients.tolist()))
    return [
        f"Images: {', '.join(map(str, sources.images))}: {len(files):,} files",
        f"Labels: {sources.labels or 'none'} ({sources.layout}): {len(given.numbers):,} ids",
        *(f"    {remark}" for remark in given.remarks),
        f"Used: {len(table):,} slices of {len(table.scan_starts()):,} scans of {patients:,} patients, "
        f"{labelled_rows:,} slices with all six labels",
        "",
    ]


def _problem_lines(problems: Sequence[Problem]) -> list[str]:
    head = f"Problems: {len(problems):,}, each in {PROBLEMS}" if problems else "Problems: none"
    return [head, *summary(problems), ""]
