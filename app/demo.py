"""The demonstration study: synthetic scans made from a fixed seed at first use."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from app.places import demo_folder
from ihd_core.files import file_errors, make_folder
from ihd_core.progress import silent

if TYPE_CHECKING:
    from ihd_core.progress import Report

SEED = 2
SCANS = 3


def demonstration_study(*, report: Report = silent) -> Path:
    """The folder with the demonstration study, whole; made if it is not there yet.

    Raises:
        FileError: it cannot be written.
        Cancelled: by report; nothing is left behind.
    """
    from ihd_core.phantom.studies import write_studies

    folder = demo_folder()
    if folder.is_dir():
        return folder
    parent = make_folder(folder.parent)
    with file_errors(folder), tempfile.TemporaryDirectory(prefix=".demonstration-", dir=parent) as unfinished:
        made = Path(unfinished) / "study"
        write_studies(made, scans=SCANS, seed=SEED, labels=None, report=report)
        if not folder.is_dir():  # another window may have made it meanwhile
            shutil.move(made, folder)
    return folder
