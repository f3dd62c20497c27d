import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QListWidget

from app.panels.worklist import Worklist, WorklistRow

ROWS = (
    WorklistRow("First", "35 slices", "flagged", "/a/b", "alert"),
    WorklistRow("Second", "", "12 / 35", "/a/c", "busy"),
    WorklistRow("Third"),
)


@pytest.fixture
def panel(qtbot):
    shown = Worklist()
    qtbot.addWidget(shown)
    shown.resize(220, 300)
    shown.show()
    return shown


def rows(panel):
    return panel.findChild(QListWidget, "worklist_rows")


def heard(panel):
    indices = []
    panel.chosen.connect(indices.append)
    return indices


def test_the_open_scan_is_selected_and_showing_it_chooses_nothing(panel):
    chosen = heard(panel)
    panel.show_worklist(ROWS, 1)
    assert (rows(panel).count(), rows(panel).currentRow()) == (3, 1)
    panel.show_worklist(ROWS[:2], -1)
    assert (rows(panel).count(), rows(panel).currentRow()) == (2, -1)
    assert chosen == []


def test_a_click_chooses_a_scan(qtbot, panel):
    chosen = heard(panel)
    panel.show_worklist(ROWS, 0)
    area = rows(panel).visualItemRect(rows(panel).item(2))
    qtbot.mouseClick(rows(panel).viewport(), Qt.MouseButton.LeftButton, pos=area.center())
    assert chosen == [2]


def test_a_scan_can_be_chosen_by_keys_alone(qtbot, panel):
    chosen = heard(panel)
    panel.show_worklist(ROWS, 0)
    qtbot.keyClick(rows(panel), Qt.Key.Key_Down)
    assert chosen == []
    qtbot.keyClick(rows(panel), Qt.Key.Key_Return)
    assert chosen == [1]


def test_a_screen_reader_hears_title_subtitle_and_state(panel):
    panel.show_worklist(ROWS, 0)
    spoken = [rows(panel).item(n).data(Qt.ItemDataRole.AccessibleTextRole) for n in range(3)]
    assert spoken == ["First, 35 slices, flagged", "Second, 12 / 35", "Third"]
    assert rows(panel).item(0).toolTip() == "/a/b"


def test_an_empty_list_says_so(panel):
    empty = panel.findChild(QLabel, "worklist_empty")
    assert empty.isVisible()
    panel.show_worklist(ROWS, 0)
    assert not empty.isVisible()


def test_long_texts_are_cut_and_the_rows_can_be_drawn(panel):
    panel.show_worklist((WorklistRow("t" * 300, "s" * 300, "x" * 300, tone="problem"), *ROWS), 0)
    assert not panel.grab().isNull()
    assert rows(panel).sizeHintForColumn(0) <= 220
