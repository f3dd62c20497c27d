"""The reader of each layout of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ihd_core.errors import FileError
from training.data.labels import cq500, rsna, wide
from training.data.labels.given import GivenLabels, LabelCollector

if TYPE_CHECKING:
    from training.data.sources import Sources


def read_labels(sources: Sources) -> GivenLabels:
    """Read the table of labels in its layout; nothing is given where there is none.

    Raises:
        FileError: it cannot be read, or has another form.
    """
    if sources.labels is None:
        return LabelCollector().labels("slice", complete=False)
    given = _READERS[sources.layout](sources.labels)
    if not given.numbers:
        raise FileError(f"{sources.labels}: holds no labels")
    return given


_READERS = {"rsna": rsna.read_labels, "cq500": cq500.read_labels, "csv": wide.read_labels}
