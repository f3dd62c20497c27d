import pytest
from PySide6.QtGui import QFont, QFontMetrics

from app.panels.wrapping import wrapped


@pytest.fixture
def font(qtbot):
    made = QFont("DejaVu Sans")
    made.setPixelSize(12)
    return made


@pytest.mark.parametrize(
    "text", ["", "axial", "a" * 400, "word " * 200, "one two three four five six seven eight nine ten"]
)
def test_what_does_not_fit_on_two_lines_is_elided_at_the_end(font, text):
    lines = wrapped(text, font, 200, most=2)
    assert len(lines) <= 2
    assert text.startswith("".join(lines).rstrip("…").rstrip())
    for line in lines:
        assert QFontMetrics(font).horizontalAdvance(line.rstrip()) <= 202


def test_words_are_broken_only_where_one_is_wider_than_the_line(font):
    text = "A slice could not be read: " + "1.2.826.0.1." * 20
    lines = wrapped(text, font, 200)
    assert "".join(lines) == text
    assert lines[0].rstrip() == "A slice could not be read:"
    assert max(QFontMetrics(font).horizontalAdvance(line.rstrip()) for line in lines) <= 202
