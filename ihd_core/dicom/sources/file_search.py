"""Collect the files of folders, archives and disc directories: each once, not too many, and none that would hang."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ihd_core.dicom.sources import archives
from ihd_core.dicom.sources.archives import archive_at, printable
from ihd_core.dicom.sources.disc_directory import is_disc_directory, referenced_files
from ihd_core.dicom.sources.source_files import Problem, SourceFile
from ihd_core.dicom.sources.zip_contents import Refused
from ihd_core.errors import DicomError

MOST_BYTES = 64 << 30
"""Bytes that all archives together may unpack to."""

DEEPEST = 5
"""Archives in one another."""

_START = 1024
"""Bytes that tell what a file is."""

_KINDS = (
    ("7z archive", 0, b"7z\xbc\xaf\x27\x1c"),
    ("RAR archive", 0, b"Rar!\x1a\x07"),
    ("tar archive", 257, b"ustar"),
    ("gzip archive", 0, b"\x1f\x8b"),
    ("bzip2 archive", 0, b"BZh"),
    ("xz archive", 0, b"\xfd7zXZ\x00"),
    ("Zstandard archive", 0, b"\x28\xb5\x2f\xfd"),
)
_FOREIGN = (".7z", ".rar", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00PK")
_APPLE_DOUBLE = b"\x00\x05\x16\x07"
_SPECIAL = ((stat.S_ISFIFO, "pipe"), (stat.S_ISSOCK, "socket"), (stat.S_ISCHR, "device"), (stat.S_ISBLK, "device"))


def foreign_archive(name: str, start: bytes) -> str:
    """Which kind of archive that is not read a file is, from its start; empty if it is none."""
    for kind, place, mark in _KINDS:
        if start[place : place + len(mark)] == mark:
            is_nifti = kind == "gzip archive" and name.lower().endswith(".nii.gz")
            return "" if is_nifti else kind
    return ""


class FileSearch:
    """Takes paths one by one; what they hold is in files and problems.

    Attributes:
        files: each once, in order.
        problems: what cannot be read, and why.
    """

    def __init__(self) -> None:
        self.files: list[SourceFile] = []
        self.problems: list[Problem] = []
        self._given = Path()
        self._seen: set[str] = set()
        self._walked: set[str] = set()
        self._count = 0
        self._bytes = 0

    def add(self, path: Path) -> None:
        """Take what lies at a path that a person gave.

        Raises:
            DicomError: it does not exist or cannot be listed, or there are too many files.
        """
        self._given = path
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            raise DicomError(f"{printable(str(path))}: does not exist") from error
        except OSError as error:
            raise DicomError(f"{printable(str(path))}: cannot be read ({error.strerror or error})") from error
        if stat.S_ISDIR(mode):
            self._walk(path)
        elif not stat.S_ISREG(mode):
            self._refuse(SourceFile(path), _special(mode))
        elif self._is_new(_identity(str(path))):
            self._take_given(SourceFile(path))

    def add_archive(self, file: SourceFile) -> bool:
        """Take what lies in a file if its content is a ZIP archive, and say whether it is one."""
        start = self._start(file)
        if start is None or not start.startswith(_ZIP_STARTS):
            return False
        self._take_archive(file, start)
        return True

    def _take_given(self, file: SourceFile) -> None:
        self._add_to_count(1)
        start = self._start(file)
        if start is None:
            return
        if is_disc_directory(file.own_name, start):
            self._take_references(file)
        elif start.startswith(_ZIP_STARTS) or file.suffix == ".zip":
            self._take_archive(file, start)
        elif kind := foreign_archive(file.own_name, start):
            self._refuse(file, f"is a {kind}, which is not read; unpack it first")
        else:
            self.files.append(file)

    def _take(self, file: SourceFile, name: str) -> None:
        """Take one of many files, of which only those that end as archives do are looked at."""
        if not name.lower().endswith((".zip", *_FOREIGN)):
            self.files.append(file)
            return
        start = self._start(file)
        if start is None:
            return
        if file.suffix == ".zip":
            self._take_archive(file, start)
        elif kind := foreign_archive(name, start):
            self._refuse(file, f"is a {kind}, which is not read; unpack it first")
        else:
            self.files.append(file)

    def _take_references(self, directory: SourceFile) -> None:
        try:
            references = referenced_files(directory)
        except DicomError as error:
            self._refuse(directory, str(error).removeprefix(f"{directory.name}: "))
            return
        if not references:
            self._refuse(directory, "names no files")
        self._add_to_count(len(references))
        for reference in references:
            if reference.path is None:
                self._refuse(SourceFile(directory.path.parent / reference.name), reference.reason)
            elif self._is_new(_identity(str(reference.path))):
                self.files.append(SourceFile(reference.path))

    def _take_archive(self, file: SourceFile, start: bytes) -> None:
        """Take what lies in a ZIP archive, or in what ends as if it were one."""
        if not start or start[128:132] == b"DICM" or start.startswith(_APPLE_DOUBLE):
            self.files.append(file)
            return
        if kind := foreign_archive(file.own_name, start):
            self._refuse(file, f"is a {kind}, which is not read; unpack it first")
            return
        if len(file.members) >= DEEPEST:
            self._refuse(file, f"lies in {DEEPEST} archives in one another; what is deeper is not read")
            return
        try:
            archive = archive_at(str(file.path), file.members, most=archives.MOST_FILES)
        except Refused as error:
            self._refuse(file, str(error))
            return
        except OSError as error:
            self._refuse(file, f"cannot be read ({error.strerror or error})")
            return
        size = sum(entry.file_size for entry in archive.contents.entries.values())
        if self._bytes + size > MOST_BYTES:
            self._refuse(
                file, f"would unpack, with archives before it, to more than {MOST_BYTES:,} bytes, as in a ZIP bomb"
            )
            return
        self._bytes += size
        self._add_to_count(archive.contents.entry_count)
        for name, reason in archive.contents.refused:
            self._refuse(SourceFile(file.path, (*file.members, name)) if name else file, reason)
        for name in archive.contents.entries:
            self._take(SourceFile(file.path, (*file.members, name), archive), name)

    def _walk(self, root: Path) -> None:
        """Take every file below a folder; every folder once, so that a loop of links ends."""
        waiting = [str(root)]
        while waiting:
            folder = waiting.pop()
            identity = _identity(folder)
            if identity in self._walked:
                continue
            self._walked.add(identity)
            try:
                files, folders = self._listed(folder)
            except OSError as error:
                reason = f"cannot be read ({error.strerror or error})"
                if folder == str(root):
                    raise DicomError(f"{printable(folder)}: {reason}") from error
                self._refuse(SourceFile(Path(folder)), reason)
                continue
            for name, is_link in sorted(files):
                path = os.path.join(folder, name)
                if self._is_new(_identity(path) if is_link else os.path.join(identity, os.path.normcase(name))):
                    self._take(SourceFile(Path(path)), name)
            waiting += [os.path.join(folder, name) for name in sorted(folders, reverse=True)]

    def _listed(self, folder: str) -> tuple[list[tuple[str, bool]], list[str]]:
        """Names of files, and whether each is a link; names of folders."""
        files: list[tuple[str, bool]] = []
        folders, others = [], []
        with os.scandir(folder) as entries:
            for entry in entries:
                self._add_to_count(1)
                if entry.is_file(follow_symlinks=False):
                    files.append((entry.name, False))
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                else:
                    others.append(entry.name)
        for name in sorted(others):
            path = os.path.join(folder, name)
            try:
                mode = os.stat(path).st_mode
            except FileNotFoundError:
                self._refuse(SourceFile(Path(path)), "is a link that leads nowhere")
            except OSError as error:
                self._refuse(SourceFile(Path(path)), f"cannot be read ({error.strerror or error})")
            else:
                if stat.S_ISDIR(mode):
                    folders.append(name)
                elif stat.S_ISREG(mode):
                    files.append((name, True))
                else:
                    self._refuse(SourceFile(Path(path)), _special(mode))
        return files, folders

    def _start(self, file: SourceFile) -> bytes | None:
        """The first bytes of a file; None where it has become a problem."""
        try:
            return file.start(_START)[0]
        except OSError as error:
            self._refuse(file, f"cannot be read ({error.strerror or error})")
        except DicomError as error:
            self._refuse(file, str(error).removeprefix(f"{file.name}: "))
        return None

    def _refuse(self, file: SourceFile, reason: str) -> None:
        self.problems.append(Problem(file, reason))

    def _is_new(self, identity: str) -> bool:
        if identity in self._seen:
            return False
        self._seen.add(identity)
        return True

    def _add_to_count(self, count: int) -> None:
        self._count += count
        if self._count > archives.MOST_FILES:
            raise DicomError(
                f"{printable(str(self._given))}: holds more than {archives.MOST_FILES:,} files and folders, "
                "the most that are read in one go; open a folder within it"
            )


def _identity(path: str) -> str:
    """The same for every spelling of a path, and for every link to it."""
    return os.path.normcase(os.path.realpath(path))


def _special(mode: int) -> str:
    return next((f"is a {kind}, not a file" for is_kind, kind in _SPECIAL if is_kind(mode)), "is not a file")
