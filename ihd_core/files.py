"""Write a file whole or not at all; SHA-256 of a file."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ihd_core.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def file_errors(path: Path, doing: str = "cannot be written") -> Iterator[None]:
    """Turn an OSError of the block into a FileError that names the file and the system's reason."""
    try:
        yield
    except OSError as error:
        raise FileError(f"{path}: {doing} ({error.strerror or error})") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Replace path by content; on any failure the old file stays as it was.

    Raises:
        FileError: the folder is missing or read-only, or the disk is full.
    """
    with file_errors(path):
        replace_content(path, content)


def replace_content(path: Path, content: bytes) -> None:
    """As write_atomically(), for who tells of the failure otherwise.

    Raises:
        OSError: the system's reason.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def make_folder(path: Path) -> Path:
    """Create a folder with its parents if it is not there, and return it.

    Raises:
        FileError: it cannot be created.
    """
    with file_errors(path, "cannot be created"):
        path.mkdir(parents=True, exist_ok=True)
    return path


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256, 64 characters."""
    return hashlib.sha256(content).hexdigest()
