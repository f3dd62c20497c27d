"""The six labels, their order and their display names."""

from enum import StrEnum


class Label(StrEnum):
    """A finding the network is asked about; arrays over labels follow this order (the paper's)."""

    EPIDURAL = "epidural"
    INTRAPARENCHYMAL = "intraparenchymal"
    INTRAVENTRICULAR = "intraventricular"
    SUBARACHNOID = "subarachnoid"
    SUBDURAL = "subdural"
    ANY = "any"

    @property
    def column(self) -> int:
        """Index of this label in every array over labels."""
        return LABELS.index(self)

    @property
    def short_name(self) -> str:
        """How the label is written on the screen."""
        return _SHORT_NAMES[self]


LABELS = tuple(Label)
SUBTYPES = LABELS[:-1]
DISPLAY_ORDER = (Label.ANY, *SUBTYPES)
"""Files, tables and keys show any first."""

_SHORT_NAMES = {
    Label.ANY: "Any",
    Label.EPIDURAL: "EDH",
    Label.INTRAPARENCHYMAL: "IPH",
    Label.INTRAVENTRICULAR: "IVH",
    Label.SUBARACHNOID: "SAH",
    Label.SUBDURAL: "SDH",
}
