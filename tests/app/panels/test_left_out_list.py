import pytest
from PySide6.QtWidgets import QLabel, QScrollArea

from app.panels.left_out_list import DAMAGED, LeftOutLine, LeftOutList

LINES = (
    LeftOutLine("2 × localizer", names="/a/1\n/a/2"),
    LeftOutLine("1 × damaged <ZIP> & more: scan.zip", damaged=True, names="/a/scan.zip"),
)


@pytest.fixture
def panel(qtbot):
    shown = LeftOutList()
    qtbot.addWidget(shown)
    shown.resize(288, 120)
    shown.show()
    return shown


def test_damaged_files_stand_first_and_in_the_colour_of_alerts(panel):
    panel.show_left_out(LINES)
    assert panel.text().splitlines() == ["1 × damaged <ZIP> & more: scan.zip", "2 × localizer"]
    label = panel.findChild(QLabel, "left_out")
    coloured = label.text().split("<br>")
    assert DAMAGED in coloured[0]
    assert DAMAGED not in coloured[1]


def test_a_name_with_signs_of_html_is_shown_as_it_is(panel):
    panel.show_left_out(LINES)
    assert "&lt;ZIP&gt; &amp; more" in panel.findChild(QLabel, "left_out").text()


def test_the_files_are_named_in_the_tool_tip(panel):
    panel.show_left_out(LINES)
    assert "/a/scan.zip" in panel.findChild(QLabel, "left_out").toolTip()


def test_with_nothing_left_out_there_is_no_list(panel):
    panel.show_left_out(LINES)
    panel.show_left_out(())
    assert panel.isHidden()
    assert panel.height_of(288) == 0


def test_it_asks_for_the_height_at_which_nothing_scrolls(panel):
    panel.show_left_out(
        tuple(LeftOutLine(f"{number} × some reason that is long enough to wrap") for number in range(9))
    )
    panel.setFixedHeight(panel.height_of(288))
    panel.grab()
    assert panel.findChild(QScrollArea, "left_out_area").verticalScrollBar().maximum() == 0
