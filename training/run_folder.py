"""A run on disk: configuration, rendered or prepared slices, metrics, weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ihd_core.errors import FileError
from ihd_core.files import file_errors, make_folder, write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.config import RunConfig

SPLITS = ("train", "sequence", "validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """Slices of several whole scans, memory-mapped.

    Attributes:
        hu: int16 (slices, side, side), HU.
        truth: bool (slices, labels), visible hemorrhage.
        cells: uint8 (slices, subtypes, side / 16, side / 16), share of a cell that is hemorrhage, 255 for all of it.
        scan: int32 (slices,), number of the scan; slices of one scan are neighbours, inferior first.
    """

    hu: NDArray[np.int16]
    truth: NDArray[np.bool_]
    cells: NDArray[np.uint8]
    scan: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose scan it was; leaves the run only as a salted hash."""

    patient_id: str
    series_uid: str


class RunFolder:
    """Where the stages of a run leave their results for one another."""

    def __init__(self, path: Path) -> None:
        self.path = make_folder(Path(path))

    def write_config(self, config: RunConfig) -> None:
        """Keep the configuration beside the results.

        Raises:
            FileError: the folder already holds a run with other numbers.
        """
        text = json.dumps(asdict(config), indent=2)
        file = self.path / "config.json"
        if file.exists() and file.read_text() != text:
            raise FileError(f"{file}: holds a run with other numbers; choose another folder")
        write_atomically(file, text.encode())

    def append_metrics(self, stage: str, **values: Any) -> None:
        """Add one line to metrics.jsonl."""
        file = self.path / "metrics.jsonl"
        with file_errors(file), file.open("a") as lines:
            lines.write(json.dumps({"stage": stage, **values}) + "\n")

    def metrics(self, stage: str) -> list[dict[str, Any]]:
        """Every line of metrics.jsonl that a stage wrote, oldest first."""
        file = self.path / "metrics.jsonl"
        if not file.exists():
            return []
        return [row for row in map(json.loads, file.read_text().splitlines()) if row["stage"] == stage]

    def shard_folder(self, split: str, number: int) -> Path:
        """Where one shard of a split lies."""
        return self.path / "slices" / split / f"{number:04d}"

    def shards(self, split: str) -> list[Shard]:
        """Shards of a split, in order.

        Raises:
            FileError: the stage that makes them has not been run.
        """
        folders = sorted((self.path / "slices" / split).glob("[0-9]*"))
        if not folders:
            raise FileError(f"{self.path / 'slices' / split}: no slices there; run the stage synthetic first")
        return [Shard(*(np.load(f / f"{part}.npy", mmap_mode="r") for part in Shard.__slots__)) for f in folders]

    def identities(self, split: str) -> list[Identity]:
        """Whose scans a split holds, in order."""
        files = sorted((self.path / "slices" / split).glob("[0-9]*/identities.json"))
        return [Identity(**row) for file in files for row in json.loads(file.read_text())]

    def write_shard(self, split: str, number: int, shard: Shard, identities: Sequence[Identity]) -> None:
        """Put a shard on disk; it appears whole or not at all."""
        final = self.shard_folder(split, number)
        temporary = make_folder(final.with_name(f"partial-{final.name}"))
        with file_errors(temporary):
            for part in Shard.__slots__:
                np.save(temporary / f"{part}.npy", getattr(shard, part))
            (temporary / "identities.json").write_text(json.dumps([asdict(one) for one in identities]))
            temporary.rename(final)
