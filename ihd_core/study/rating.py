"""The three ratings of a heatmap and what each means."""

from enum import StrEnum


class RatingValue(StrEnum):
    """How well a heatmap shows the hemorrhage, best first; the value is what files hold."""

    CORRECT = "correct"
    PARTIALLY_CORRECT = "partially correct"
    INCORRECT = "incorrect"

    @property
    def definition(self) -> str:
        """The paper's definition, one sentence for the reader."""
        return _DEFINITIONS[self]


_DEFINITIONS = {
    RatingValue.CORRECT: (
        "Focuses on the correct region, covering most of the hemorrhage, without focusing on other regions."
    ),
    RatingValue.PARTIALLY_CORRECT: (
        "Shows some hemorrhage region while also focusing on non-hemorrhage regions, "
        "or missing some other hemorrhage region."
    ),
    RatingValue.INCORRECT: "The hemorrhage region is completely outside the focus area.",
}
