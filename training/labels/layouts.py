"""The reader of each layout of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.labels.given import GivenLabels, LabelCollector

if TYPE_CHECKING:
    from training.sources import Sources


def read_labels(sources: Sources) -> GivenLabels:
    """Read the table of labels in its layout; nothing is given where there is none.

    Raises:
        FileError: it cannot be read, or has another form.
    """
    if sources.labels is None:
        return LabelCollector().labels("slice", complete=False)
    if sources.layout == "rsna":
        from training.labels import rsna

        return rsna.read_labels(sources.labels)
    if sources.layout == "cq500":
        from training.labels import cq500

        return cq500.read_labels(sources.labels)
    from training.labels import wide

    return wide.read_labels(sources.labels)
