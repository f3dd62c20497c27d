import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QSpinBox

from app.panels.window_bar import PRESETS, WindowBar
from ihd_core.windowing import BONE, BRAIN, SOFT_TISSUE, STROKE, SUBDURAL, Window

NAMES = {BRAIN: "brain", SUBDURAL: "subdural", SOFT_TISSUE: "soft_tissue", BONE: "bone", STROKE: "stroke"}


@pytest.fixture
def bar(qtbot):
    made = WindowBar(keys={"brain": "1", "network": "T"})
    qtbot.addWidget(made)
    made.resize(1000, 40)
    made.show()
    return made


def button(bar, name) -> QPushButton:
    return bar.findChild(QPushButton, f"window_{name}")


def box(bar, name) -> QSpinBox:
    return bar.findChild(QSpinBox, f"window_{name}")


def collected(signal) -> list:
    values: list = []
    signal.connect(values.append)
    return values


@pytest.mark.parametrize("preset", PRESETS)
def test_a_button_chooses_its_window(qtbot, bar, preset):
    chosen = collected(bar.window_chosen)
    qtbot.mouseClick(button(bar, NAMES[preset]), Qt.MouseButton.LeftButton)
    assert chosen == [preset]


@pytest.mark.parametrize("window", [*PRESETS, Window(37, 91)])
def test_center_and_width_are_always_read_and_the_preset_in_use_is_marked(bar, window):
    chosen = collected(bar.window_chosen)
    bar.show_window(window, False)
    assert box(bar, "center").text() == f"C {window.center}"
    assert box(bar, "width").text() == f"W {window.width}"
    assert {preset for preset in PRESETS if button(bar, NAMES[preset]).isChecked()} == {window} & set(PRESETS)
    assert chosen == []


@pytest.mark.parametrize("name", ["center", "width"])
def test_the_numbers_have_room(bar, name):
    bar.show_window(Window(6000, 10000), False)
    field = box(bar, name).lineEdit()
    assert field.width() >= field.fontMetrics().horizontalAdvance(field.text())


def test_a_dragged_window_of_a_presets_size_marks_the_preset(bar):
    bar.show_window(Window(40, 80), False)
    assert button(bar, "brain").isChecked()


def test_choosing_the_preset_in_use_again_keeps_it_marked(qtbot, bar):
    bar.show_window(BRAIN, False)
    qtbot.mouseClick(button(bar, "brain"), Qt.MouseButton.LeftButton)
    assert button(bar, "brain").isChecked()


def test_typed_numbers_count_when_enter_is_pressed_and_the_keys_are_given_back(qtbot, bar):
    bar.show_window(BRAIN, False)
    chosen = collected(bar.window_chosen)
    bar.activateWindow()
    with qtbot.waitActive(bar):
        pass
    width = box(bar, "width")
    width.setFocus()
    width.selectAll()
    qtbot.keyClicks(width, "120")
    assert chosen == []
    qtbot.keyClick(width, Qt.Key.Key_Return)
    assert chosen == [Window(40, 120)]
    assert not width.hasFocus()


def test_a_wheel_that_passes_over_a_number_does_not_change_it(bar):
    bar.show_window(BRAIN, False)
    center = box(bar, "center")
    at = QPointF(5, 5)
    event = QWheelEvent(
        at,
        center.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(center, event)
    assert center.value() == 40


def test_the_networks_view_can_be_chosen_and_names_its_three_windows(qtbot, bar):
    chosen = collected(bar.network_view_chosen)
    qtbot.mouseClick(button(bar, "network"), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(button(bar, "network"), Qt.MouseButton.LeftButton)
    assert chosen == [True, False]
    bar.show_window(BRAIN, True)
    assert button(bar, "network").isChecked()
    assert not button(bar, "brain").isChecked()
    text = bar.findChild(QLabel, "window_channels")
    assert text.isVisible()
    assert all(words in text.text() for words in ("C 40 W 80", "C 80 W 200", "C 40 W 380"))
    bar.show_window(BRAIN, False)
    assert not text.isVisible()


def test_keys_are_written_on_the_buttons_they_belong_to(bar):
    assert button(bar, "brain").text() == "Brain  1"
    assert button(bar, "network").text() == "Network view  T"
    assert button(bar, "bone").text() == "Bone"


def test_a_click_leaves_the_keyboard_where_it_is(bar):
    assert all(button(bar, name).focusPolicy() == Qt.FocusPolicy.TabFocus for name in (*NAMES.values(), "network"))
