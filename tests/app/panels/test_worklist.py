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


GROUPED = (
    WorklistRow("Brain", group="Doe Jo · P1", group_details="2025-06-03", mark="1st choice", speaks_for="axial, head"),
    WorklistRow("Bone", speaks_for="axial", speaks_against="Against it: bone kernel"),
    WorklistRow("Cor", state="not predicted", tone="problem", speaks_against="Not predicted: coronal", refused=True),
    WorklistRow("Brain", group="Roe Ri · P2"),
)


def item_of(panel, title, which=0):
    shown = rows(panel)
    spoken = [shown.item(n).data(Qt.ItemDataRole.AccessibleTextRole) for n in range(shown.count())]
    return shown.item([n for n, text in enumerate(spoken) if text.split(",")[0] == title][which])


def test_patients_stand_above_their_series_and_cannot_be_chosen(qtbot, panel):
    chosen = heard(panel)
    panel.show_worklist(GROUPED, 0)
    assert rows(panel).count() == 6
    header = rows(panel).item(0)
    assert header.text() == "Doe Jo · P1\n2025-06-03"
    area = rows(panel).visualItemRect(header)
    qtbot.mouseClick(rows(panel).viewport(), Qt.MouseButton.LeftButton, pos=area.center())
    assert chosen == []


def test_a_row_below_another_patient_is_chosen_by_its_place_among_the_series(qtbot, panel):
    panel.resize(288, 600)
    chosen = heard(panel)
    panel.show_worklist(GROUPED, 0)
    area = rows(panel).visualItemRect(item_of(panel, "Brain", 1))
    qtbot.mouseClick(rows(panel).viewport(), Qt.MouseButton.LeftButton, pos=area.center())
    assert chosen == [3]


def test_keys_step_over_the_patients(qtbot, panel):
    chosen = heard(panel)
    panel.show_worklist(GROUPED, 2)
    qtbot.keyClick(rows(panel), Qt.Key.Key_Down)
    qtbot.keyClick(rows(panel), Qt.Key.Key_Return)
    assert chosen == [3]


def test_the_keys_stay_where_the_reader_has_gone_while_the_state_of_the_open_scan_changes(qtbot, panel):
    chosen = heard(panel)
    panel.show_worklist(ROWS, 0)
    qtbot.keyClick(rows(panel), Qt.Key.Key_Down)
    panel.show_worklist((WorklistRow("First", "35 slices", "2 / 35"), *ROWS[1:]), 0)
    qtbot.keyClick(rows(panel), Qt.Key.Key_Return)
    assert chosen == [1]


def test_a_screen_reader_hears_the_mark_and_the_reasons(panel):
    panel.show_worklist(GROUPED, 0)
    spoken = [item_of(panel, title).data(Qt.ItemDataRole.AccessibleTextRole) for title in ("Brain", "Cor")]
    assert spoken == ["Brain, 1st choice, axial, head", "Cor, not predicted, Not predicted: coronal"]


def test_the_list_says_how_many_series_there_are_and_in_which_order(panel):
    panel.show_worklist(GROUPED, 0)
    assert any("4 series, best first" in label.text() for label in panel.findChildren(QLabel))


def test_the_open_series_has_a_bar_at_its_side_that_no_other_has(panel):
    panel.resize(288, 600)
    panel.show_worklist(GROUPED, 1)
    image = rows(panel).viewport().grab().toImage()

    def side(title):
        area = rows(panel).visualItemRect(item_of(panel, title))
        return image.pixelColor(2, area.center().y()).name()

    assert [side(title) == "#8ab4d8" for title in ("Brain", "Bone", "Cor")] == [False, True, False]


def test_a_row_is_as_high_as_its_reasons(panel):
    panel.resize(288, 600)
    long = "axial, 28 slices over 140 mm, head, soft kernel H31s, no contrast agent named, 5.0 mm, " * 4
    panel.show_worklist((WorklistRow("A"), WorklistRow("B", speaks_for="axial"), WorklistRow("C", speaks_for=long)), 0)
    heights = [rows(panel).visualItemRect(rows(panel).item(n)).height() for n in range(3)]
    small = heights[1] - heights[0]
    assert small > 10
    assert heights[2] - heights[0] == 2 * small
