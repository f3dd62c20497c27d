"""The demonstration study: synthetic scans made from fixed seeds at first use."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from app.places import demo_folder
from ihd_core.files import file_errors, make_folder
from ihd_core.labels import Label
from ihd_core.progress import silent

if TYPE_CHECKING:
    from ihd_core.progress import Report

CASES = ((4, (Label.INTRAPARENCHYMAL, Label.SUBDURAL)), (10, ()))
"""Seed of every scan, and what is to be seen in it."""
SLICES = 28
"""Of every scan; making them takes a few seconds."""


def demonstration_study(*, report: Report = silent) -> Path:
    """The folder with the demonstration study, whole; made if it is not there yet.

    Args:
        report: called once per scan that is made.

    Raises:
        FileError: it cannot be written.
        Cancelled: by report; nothing is left behind.
    """
    from ihd_core.phantom.studies import write_study

    folder = demo_folder()
    if folder.is_dir():
        return folder
    parent = make_folder(folder.parent)
    with file_errors(folder), tempfile.TemporaryDirectory(prefix=".demonstration-", dir=parent) as unfinished:
        made = make_folder(Path(unfinished) / "study")
        for done, (seed, labels) in enumerate(CASES):
            report(done, len(CASES))
            write_study(made / f"{done + 1:03d}", seed, labels, slices=SLICES)
        report(len(CASES), len(CASES))
        if not folder.is_dir():  # another window may have made it meanwhile
            made.rename(folder)
    return folder
