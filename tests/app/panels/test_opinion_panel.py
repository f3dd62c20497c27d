import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QSlider, QVBoxLayout, QWidget

from app.panels.opinion_panel import OpinionPanel
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.study.opinion import Call, Opinion, with_call, with_rest_no, with_suspicion

SDH, ANY = Label.SUBDURAL, Label.ANY
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(qtbot):
    shown = OpinionPanel()
    shown.resize(330, shown.sizeHint().height())
    qtbot.addWidget(shown)
    shown.show()
    return shown


@pytest.fixture
def heard(panel):
    """Every opinion the panel reported."""
    opinions = []
    panel.opinion_changed.connect(opinions.append)
    return opinions


def part(panel, kind, name):
    found = panel.findChild(kind, name)
    assert found is not None, name
    return found


def number(panel, label):
    return part(panel, QLabel, f"opinion_number_{label}").text()


def press_slider(qtbot, slider, share):
    qtbot.mousePress(slider, LEFT, pos=QPoint(6 + round(share * (slider.width() - 12)), slider.height() // 2))


def test_the_six_labels_are_shown_any_first(panel):
    sliders = [slider.objectName() for slider in panel.findChildren(QSlider)]
    assert sliders == [f"opinion_suspicion_{label}" for label in DISPLAY_ORDER]


def test_a_click_on_yes_answers_yes_and_any_follows(qtbot, panel, heard):
    qtbot.mouseClick(part(panel, QPushButton, "opinion_yes_subdural"), LEFT)
    assert heard[-1].calls[SDH] == Call(True, 90)
    assert (number(panel, SDH), number(panel, ANY), number(panel, Label.EPIDURAL)) == ("90", "90", "–")
    assert part(panel, QPushButton, "opinion_yes_any").isChecked()


def test_a_click_on_the_call_that_is_there_changes_nothing_and_it_stays_pressed(qtbot, panel, heard):
    yes = part(panel, QPushButton, "opinion_yes_any")
    qtbot.mouseClick(yes, LEFT)
    qtbot.mouseClick(yes, LEFT)
    assert len(heard) == 1
    assert yes.isChecked()


def test_a_click_on_the_slider_sets_the_suspicion_and_the_call(qtbot, panel, heard):
    slider = part(panel, QSlider, "opinion_suspicion_any")
    press_slider(qtbot, slider, 0.25)
    qtbot.mouseRelease(slider, LEFT)
    assert heard[-1].calls[ANY] == Call(False, 25)
    assert part(panel, QPushButton, "opinion_no_any").isChecked()


def test_a_click_in_the_middle_of_an_unanswered_slider_is_an_answer_too(qtbot, panel, heard):
    slider = part(panel, QSlider, "opinion_suspicion_any")
    press_slider(qtbot, slider, 0.5)
    qtbot.mouseRelease(slider, LEFT)
    assert heard[-1].calls[ANY] == Call(True, 50)


def test_any_follows_where_a_drag_ends_not_its_highest_point(qtbot, panel, heard):
    slider = part(panel, QSlider, "opinion_suspicion_subdural")
    press_slider(qtbot, slider, 0.2)
    for share in (0.6, 1.0, 0.7):
        qtbot.mouseMove(slider, QPoint(6 + round(share * (slider.width() - 12)), 5))
    qtbot.mouseRelease(slider, LEFT)
    assert heard[-1].calls[SDH].suspicion == heard[-1].calls[ANY].suspicion == pytest.approx(70, abs=1)


def test_a_drag_goes_on_while_the_window_shows_every_step(qtbot, panel):
    panel.opinion_changed.connect(lambda opinion: panel.show_opinion(opinion, False, "r1"))
    slider = part(panel, QSlider, "opinion_suspicion_subdural")
    press_slider(qtbot, slider, 0.9)
    qtbot.mouseMove(slider, QPoint(6 + round(0.3 * (slider.width() - 12)), 5))
    qtbot.mouseRelease(slider, LEFT)
    assert int(number(panel, SDH)) == pytest.approx(30, abs=1)
    assert number(panel, ANY) == "–"


def test_keys_toggle_a_call_and_change_the_suspicion_of_the_label_touched_last(panel, heard):
    panel.toggle_call(SDH)
    assert (panel.touched, heard[-1].calls[SDH].call) == (SDH, True)
    panel.change_suspicion(-10)
    assert heard[-1].calls[SDH] == Call(True, 80)
    panel.toggle_call(SDH)
    assert heard[-1].calls[SDH] == Call(False, 20)
    panel.change_suspicion(-50)
    assert heard[-1].calls[SDH] == Call(False, 0)


@pytest.mark.parametrize(("delta", "call"), [(10, Call(True, 60)), (-10, Call(False, 40))])
def test_the_suspicion_of_an_unanswered_label_starts_from_the_middle(panel, heard, delta, call):
    panel.change_suspicion(delta)
    assert heard[-1].calls[ANY] == call


def test_another_scan_starts_at_any_again(panel, heard):
    panel.toggle_call(SDH)
    panel.start_over()
    panel.show_opinion(Opinion(), False, "r1")
    panel.change_suspicion(10)
    assert heard[-1].calls[SDH] == Call()


def test_the_label_touched_last_is_marked(panel):
    panel.toggle_call(SDH)
    touched = [label.text() for label in panel.findChildren(QLabel) if label.property("tone") == "touched"]
    assert touched == ["SDH"]


def test_the_mark_does_not_lie_on_the_name(panel):
    panel.toggle_call(SDH)
    QApplication.processEvents()
    name = next(label for label in panel.findChildren(QLabel) if label.text() == "SDH")
    picture = name.grab().toImage()
    gap = {picture.pixel(column, row) for column in (4, 5) for row in range(picture.height())}
    assert len(gap) == 1


def test_rest_no_answers_what_is_left(qtbot, panel, heard):
    panel.toggle_call(SDH)
    rest = part(panel, QPushButton, "opinion_rest_no")
    qtbot.mouseClick(rest, LEFT)
    assert [heard[-1].calls[label].word for label in DISPLAY_ORDER] == ["yes", "no", "no", "no", "no", "yes"]
    assert not rest.isEnabled()


def test_save_is_asked_for_once_and_not_again_when_it_is_done(qtbot, panel):
    opinion = with_rest_no(with_call(Opinion(), SDH, True))
    panel.show_opinion(opinion, False, "r1")
    save = part(panel, QPushButton, "opinion_save")
    with qtbot.waitSignal(panel.save_pressed):
        qtbot.mouseClick(save, LEFT)
    panel.show_opinion(opinion, True, "r1", "14:32")
    assert part(panel, QLabel, "opinion_state").text() == "Saved 14:32"
    assert not save.isEnabled()
    with qtbot.assertNotEmitted(panel.save_pressed):
        panel.save()


def test_a_change_after_saving_is_not_saved(panel):
    panel.show_opinion(with_call(Opinion(), ANY, False), True, "r1", "14:32")
    panel.toggle_call(ANY)
    assert part(panel, QLabel, "opinion_state").text() == "Not saved"
    assert part(panel, QPushButton, "opinion_save").isEnabled()


@pytest.mark.parametrize(
    "opinion", [Opinion(), Opinion(comment="  "), with_call(with_call(Opinion(), SDH, True), ANY, False)]
)
def test_an_empty_opinion_and_one_that_contradicts_itself_cannot_be_saved(qtbot, panel, opinion):
    panel.show_opinion(opinion, False, "r1")
    with qtbot.assertNotEmitted(panel.save_pressed):
        panel.save()


def test_problems_stand_below_the_answers(panel):
    panel.show_opinion(with_call(with_call(Opinion(), SDH, True), ANY, False), False, "r1")
    problems = part(panel, QLabel, "opinion_problems")
    assert problems.text() == "Any is no, but SDH is yes. Not answered: EDH, IPH, IVH, SAH."
    assert problems.property("tone") == "problem"


def test_in_the_comment_every_key_is_text(qtbot, panel, heard):
    field = part(panel, QLineEdit, "opinion_comment")
    qtbot.keyClicks(field, "asd g1")
    assert heard[-1].comment == "asd g1"


def test_return_in_the_comment_gives_the_keys_back_to_the_window(qtbot, panel):
    panel.activateWindow()
    field = part(panel, QLineEdit, "opinion_comment")
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert not field.hasFocus()


def test_showing_an_opinion_reports_no_change_and_keeps_the_cursor(qtbot, panel, heard):
    field = part(panel, QLineEdit, "opinion_comment")
    panel.show_opinion(Opinion(comment="abc"), False, "r1")
    field.setCursorPosition(1)
    panel.show_opinion(with_suspicion(Opinion(comment="abc"), SDH, 60), False, "r1")
    assert field.cursorPosition() == 1
    assert heard == []


def test_a_click_or_the_wheel_on_a_slider_neither_takes_the_focus_nor_is_lost(qtbot):
    outer = QWidget()
    layout = QVBoxLayout(outer)
    panel = OpinionPanel()
    layout.addWidget(panel)
    qtbot.addWidget(outer)
    outer.show()
    slider = part(panel, QSlider, "opinion_suspicion_any")
    qtbot.mouseClick(slider, LEFT)
    assert not slider.hasFocus()
    before = slider.value()
    none = Qt.KeyboardModifier.NoModifier
    wheel = QWheelEvent(
        QPointF(5, 5), QPointF(5, 5), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton, none,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(slider, wheel)
    assert slider.value() == before


def test_everything_that_can_be_pressed_has_a_name_for_a_screen_reader(panel):
    widgets = [*panel.findChildren(QPushButton), *panel.findChildren(QSlider), *panel.findChildren(QLineEdit)]
    assert len(widgets) == 6 * 3 + 3
    assert all(widget.accessibleName() and widget.objectName() for widget in widgets)


def test_a_key_named_for_a_button_stands_in_its_tool_tip(panel):
    panel.show_keys({"opinion_save": "Ctrl+Return"})
    panel.show_keys({"opinion_save": "Ctrl+S"})
    assert part(panel, QPushButton, "opinion_save").toolTip() == "Save opinion (Ctrl+S)"
