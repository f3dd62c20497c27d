"""Where the data of a run lie."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ihd_core.errors import FileError
from ihd_core.files import write_atomically

if TYPE_CHECKING:
    from training.run_folder import RunFolder

Layout = Literal["rsna", "cq500", "csv"]
FILE = "sources.json"


@dataclass(frozen=True, slots=True)
class Sources:
    """Files and folders that a run is made from; relative paths are of the current folder.

    Attributes:
        layout: of the labels: "rsna": a row a label, as stage_2_train.csv; "cq500": a row a study, as reads.csv with
            three readers; "csv": a row a slice or series, a column a label.
        images: folders of DICOM files, however deep.
        labels: the table; None: nothing is labelled.
        masks: folder of lesion masks, None without.
        boxes: table of lesion boxes, None without.
        sample_submission: whose ids want a prediction, None without.
    """

    layout: Layout
    images: tuple[Path, ...]
    labels: Path | None = None
    masks: Path | None = None
    boxes: Path | None = None
    sample_submission: Path | None = None

    def __post_init__(self) -> None:
        if self.layout not in get_args(Layout):
            raise FileError(f"layout {self.layout}: must be one of {', '.join(get_args(Layout))}")
        if not self.images:
            raise FileError("no folder of images is given, at least one is needed")
        for name in ("labels", "masks", "boxes", "sample_submission"):
            if (path := getattr(self, name)) is not None:
                object.__setattr__(self, name, Path(path).absolute())
        object.__setattr__(self, "images", tuple(Path(path).absolute() for path in self.images))

    @property
    def root(self) -> Path:
        """Nearest folder that holds all images; SliceTable.files are relative to it."""
        try:
            return Path(os.path.commonpath(self.images))
        except ValueError as error:  # two drives of Windows
            raise FileError(f"{self.images[-1]}: must lie on the same drive as {self.images[0]}") from error

    def refuse_missing(self) -> None:
        """Raise FileError for the first file or folder that is not there."""
        for path in (*self.images, self.labels, self.masks, self.boxes, self.sample_submission):
            if path is not None and not path.exists():
                raise FileError(f"{path}: does not exist")
        for path in self.images:
            if not path.is_dir():
                raise FileError(f"{path}: is not a folder of images")


def write_sources(folder: Path, sources: Sources) -> None:
    """Write them into the folder of the index.

    Raises:
        FileError: it cannot be written.
    """
    content = {
        "layout": sources.layout,
        "root": str(sources.root),
        "images": [str(path) for path in sources.images],
        **{name: _text(getattr(sources, name)) for name in ("labels", "masks", "boxes", "sample_submission")},
    }
    write_atomically(folder / FILE, (json.dumps(content, indent=2) + "\n").encode())


def read_sources(folder: Path) -> Sources | None:
    """Read what write_sources() wrote; None where there is nothing.

    Raises:
        FileError: it is not such a file.
    """
    file = folder / FILE
    if not file.exists():
        return None
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        others = {name: content[name] for name in ("labels", "masks", "boxes", "sample_submission")}
        paths = {name: None if text is None else Path(text) for name, text in others.items()}
        return Sources(content["layout"], tuple(Path(text) for text in content["images"]), **paths)
    except (ValueError, KeyError, TypeError) as error:
        raise FileError(f"{file}: not written by this program ({error})") from error


def load_sources(run: RunFolder) -> Sources:
    """The sources that a run was indexed from.

    Raises:
        FileError: there is no index, or it is damaged.
    """
    folder = run.folder("index")
    found = read_sources(folder)
    if found is None:
        raise FileError(f"{folder / FILE}: missing; run the stage index again")
    return found


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
