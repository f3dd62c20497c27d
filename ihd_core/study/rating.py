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


class Reason(StrEnum):
    """Why a heatmap is not correct; the value is what files hold."""

    NO_HEMORRHAGE = "no hemorrhage"
    OUTSIDE_SKULL = "outside skull"
    ORBIT_SINUS_NOSE = "orbit/sinus/nose"
    BONE = "bone"
    FALX_TENTORIUM = "falx/tentorium"
    ARTEFACT = "artefact"
    MISSED_LESION = "missed lesion"


class Verdict(StrEnum):
    """What a reader says of a label on which truth and reader differ, once truth is shown."""

    I_WAS_WRONG = "I was wrong"
    TRUTH_IS_WRONG = "truth is wrong"
    DISPUTABLE = "disputable"
    CANNOT_TELL = "cannot tell"
