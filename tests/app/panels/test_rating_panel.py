import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton

from app.panels.rating_panel import RatingPanel, RatingView
from ihd_core.labels import Label
from ihd_core.study.rating import RatingValue

LEFT = Qt.MouseButton.LeftButton
READY = RatingView(Label.SUBDURAL, 14, None, True, {})


@pytest.fixture
def panel(qtbot):
    shown = RatingPanel()
    qtbot.addWidget(shown)
    return shown


@pytest.fixture
def heard(panel):
    values = []
    panel.rated.connect(values.append)
    return values


def buttons(panel):
    return {value: panel.findChild(QPushButton, f"rating_{value.name.lower()}") for value in RatingValue}


def text(panel, name):
    return panel.findChild(QLabel, name).text()


def test_a_click_rates_and_the_window_decides_what_is_shown(qtbot, panel, heard):
    panel.show_rating(READY)
    for made in buttons(panel).values():
        qtbot.mouseClick(made, LEFT)
        assert not made.isChecked()
    assert heard == list(RatingValue)


def test_it_says_which_heatmap_is_rated_counting_slices_from_one(panel):
    panel.show_rating(READY)
    assert text(panel, "rating_target") == "SDH, slice 15"
    assert text(panel, "rating_counts") == "Not rated yet."


def test_what_is_recorded_is_pressed_and_counted(panel):
    counts = {RatingValue.CORRECT: 2, RatingValue.INCORRECT: 1}
    panel.show_rating(RatingView(Label.SUBDURAL, 14, RatingValue.INCORRECT, True, counts))
    assert [made.isChecked() for made in buttons(panel).values()] == [False, False, True]
    assert text(panel, "rating_counts") == "Recorded. Scan: 2 correct, 1 incorrect."


@pytest.mark.parametrize(
    ("view", "hint"),
    [
        (RatingView(enabled=True), "Choose one label to rate its heatmap."),
        (RatingView(Label.ANY), "No heatmap on the screen."),
        (RatingView(Label.ANY, hint="Hidden until your opinion."), "Hidden until your opinion."),
    ],
)
def test_where_nothing_can_be_rated_it_says_why_and_nothing_is_sent(qtbot, panel, heard, view, hint):
    panel.show_rating(view)
    assert text(panel, "rating_counts") == hint
    for value, made in buttons(panel).items():
        qtbot.mouseClick(made, LEFT)
        panel.rate(value)
    assert heard == []


def test_every_button_explains_the_rating_and_names_its_key(panel):
    panel.show_keys({"rating_correct": "A", "rating_incorrect": "D"})
    correct = buttons(panel)[RatingValue.CORRECT]
    assert "covering most of the hemorrhage" in correct.toolTip()
    assert (correct.text(), buttons(panel)[RatingValue.PARTIALLY_CORRECT].text()) == ("Correct  A", "Partially")
    assert all(made.accessibleName() for made in buttons(panel).values())
