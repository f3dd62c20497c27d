"""Every failure a caller is expected to handle.

IhdError                 has a message fit for the reader: one line with the file, the value and the limit
  ├─ DicomError          these files are not a head CT we can show
  │    ├─ NotDicom
  │    └─ NoHeadCt       nothing in there that can be shown, with what was found instead
  ├─ CannotPredict       can be shown, but not given to the network
  ├─ ModelFileError      damaged, incomplete, foreign or of another version
  ├─ StudyError          the record does not allow this, or cannot be written
  ├─ FileError           reading or writing any other file failed
  └─ Cancelled           not a failure: the caller asked to stop
"""


class IhdError(Exception):
    """Something the person at the screen can understand and act on."""


class DicomError(IhdError):
    """These files are not a head CT that can be shown."""


class NotDicom(DicomError):
    """A file is not DICOM."""


class NoHeadCt(DicomError):
    """Nothing among the files can be shown; the message says what was found instead."""


class CannotPredict(IhdError):
    """A scan can be shown, but not given to the network; the message says why."""


class ModelFileError(IhdError):
    """A model folder is damaged, incomplete, foreign or of another version."""


class StudyError(IhdError):
    """The record does not allow this, or cannot be written."""


class FileError(IhdError):
    """Reading or writing a file failed; the message names it and the system's reason."""


class Cancelled(IhdError):
    """The caller asked to stop."""
