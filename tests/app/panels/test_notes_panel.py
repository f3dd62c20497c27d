import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QListWidget

from app.panels.notes_panel import Note, NotesPanel, note_height

LONG = "Two slices seem to be missing here, between the base of the skull and the orbits, " * 3
NOTES = (
    Note("Missing slices", "2 slices seem to be missing after slice 9", serious=True, slice_index=8),
    Note("Unreadable slice", "A slice could not be read", serious=True, slice_index=3),
    Note("Contrast agent", "A contrast agent was given"),
)


@pytest.fixture
def panel(qtbot):
    shown = NotesPanel()
    qtbot.addWidget(shown)
    shown.resize(288, 300)
    shown.show()
    return shown


def rows(panel):
    return panel.findChild(QListWidget, "notes_rows")


def click(qtbot, panel, row):
    area = rows(panel).visualItemRect(rows(panel).item(row))
    qtbot.mouseClick(rows(panel).viewport(), Qt.MouseButton.LeftButton, pos=area.center())


def heard(panel):
    indices = []
    panel.slice_chosen.connect(indices.append)
    return indices


def test_the_heading_counts_the_notes_and_the_serious_ones(panel):
    heading = panel.findChild(QLabel, "notes_heading")
    panel.show_notes(NOTES)
    assert heading.text() == "3 notes on this scan, 2 serious"
    panel.show_notes(NOTES[2:])
    assert heading.text() == "1 note on this scan"


def test_without_notes_there_is_no_panel(panel):
    panel.show_notes(NOTES)
    panel.show_notes(())
    assert panel.isHidden()
    assert panel.height_of(288) == 0


def test_a_click_on_a_note_goes_to_its_slice_and_on_another_nowhere(qtbot, panel):
    chosen = heard(panel)
    panel.show_notes(NOTES)
    for row in (1, 2, 0):
        click(qtbot, panel, row)
    assert chosen == [3, 8]


def test_a_note_can_be_chosen_by_keys_alone(qtbot, panel):
    chosen = heard(panel)
    panel.show_notes(NOTES)
    rows(panel).setCurrentRow(0)
    qtbot.keyClick(rows(panel), Qt.Key.Key_Down)
    qtbot.keyClick(rows(panel), Qt.Key.Key_Return)
    assert chosen == [3]


def test_an_arrow_says_where_a_click_leads(panel):
    panel.show_notes(NOTES)
    spoken = [rows(panel).item(row).data(Qt.ItemDataRole.AccessibleTextRole) for row in range(3)]
    arrow = "\u00a0\u2192"
    assert spoken[0] == f"{NOTES[0].text}{arrow}"  # it ends with the name of the slice
    assert spoken[1] == f"{NOTES[1].text} ·\u00a0slice\u00a04{arrow}"
    assert spoken[2] == NOTES[2].text


def test_the_hand_is_over_notes_that_lead_somewhere(qtbot, panel):
    panel.show_notes(NOTES)
    panel.resize(288, 300)
    shapes = []
    for row in (0, 2):
        area = rows(panel).visualItemRect(rows(panel).item(row))
        qtbot.mouseMove(rows(panel).viewport(), area.center())
        rows(panel).itemEntered.emit(rows(panel).item(row))
        shapes.append(rows(panel).viewport().cursor().shape())
    assert shapes == [Qt.CursorShape.PointingHandCursor, Qt.CursorShape.ArrowCursor]


def test_at_the_height_it_asks_for_every_sentence_can_be_read(qtbot, panel):
    panel.show_notes((*NOTES, Note("Long", LONG), Note("Longer", LONG + LONG, serious=True)))
    panel.resize(288, panel.height_of(288))
    shown = rows(panel)
    qtbot.waitUntil(lambda: shown.viewport().height() > 100)
    shown.doItemsLayout()
    assert shown.verticalScrollBar().maximum() == 0
    area = shown.visualItemRect(shown.item(4))
    assert area.bottom() <= shown.viewport().height()
    assert area.height() > shown.visualItemRect(shown.item(0)).height()


def test_a_serious_note_has_the_colour_of_the_badges_beside_it(panel):
    def coloured(note):
        panel.show_notes((note,))
        image = rows(panel).viewport().grab().toImage()
        return image.pixelColor(1, 8).name()

    assert coloured(NOTES[0]) == "#ffb454"
    assert coloured(NOTES[2]) != "#ffb454"


def test_a_file_name_without_spaces_is_wrapped_too(panel):
    name = "1.2.826.0.1.3680043.9.4245.3115138630835728997848661150714813892." * 3
    panel.show_notes((Note("Unreadable slice", name),))
    one_line = panel.height_of(2000)
    assert panel.height_of(288) > one_line + 30


def test_rows_are_measured_again_when_a_scroll_bar_takes_some_of_the_width(qtbot, panel):
    panel.show_notes(tuple(Note(f"{number}", LONG, slice_index=number) for number in range(12)))
    shown = rows(panel)
    panel.resize(288, 200)
    qtbot.waitUntil(lambda: shown.verticalScrollBar().isVisible())
    shown.doItemsLayout()
    height = note_height(NOTES[0], shown.font(), shown.viewport().width())
    assert shown.visualItemRect(shown.item(0)).height() > height
    expected = note_height(Note("0", LONG, slice_index=0), shown.font(), shown.viewport().width())
    assert shown.visualItemRect(shown.item(0)).height() == expected
