"""Where resources, settings, logs and study folders are, also when frozen."""

from __future__ import annotations

import importlib.metadata
import os
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from platformdirs import user_data_path


def resource(name: str) -> Path:
    """A file or folder of resources/, in the checkout, an installed copy or a frozen program."""
    return Path(str(files("resources"))) / name


def default_model() -> Path:
    """The model folder that comes with the program."""
    return resource("model")


def data_folder() -> Path:
    """Where the program keeps what must survive it; the environment variable IHD_HOME names another folder."""
    chosen = os.environ.get("IHD_HOME")
    return Path(chosen) if chosen else user_data_path("ihd-review", appauthor=False)


def journal_file(reader: str) -> Path:
    """The record of one reader; two pseudonyms never share a file.

    Raises:
        ValueError: reader is empty.
    """
    if not reader:
        raise ValueError("reader must not be empty")
    return data_folder() / "records" / f"reader-{quote(reader, safe='')}.csv"


def settings_file() -> Path:
    """What the program remembers between runs."""
    return data_folder() / "settings.json"


def log_file() -> Path:
    """What happened, for a report of a bug; no patient data."""
    return data_folder() / "ihd.log"


def positions_file() -> Path:
    """On which slice each scan was left, by hashes."""
    return data_folder() / "positions.json"


def engines_file() -> Path:
    """What engines have proved on this machine."""
    return data_folder() / "engines.json"


def predictions_folder() -> Path:
    """What was predicted before, without names."""
    return data_folder() / "predictions"


def demo_folder() -> Path:
    """The demonstration study, made at first use, and made again by another version of the program."""
    return data_folder() / f"demonstration-{version()}"


def demo_results_folder() -> Path:
    """Where `ihd demo` leaves its picture and its results on a machine without a display."""
    return data_folder() / "demonstration-results"


def version() -> str:
    """The program's version; "unknown" in a checkout that was never installed."""
    try:
        return importlib.metadata.version("ihd-review")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
