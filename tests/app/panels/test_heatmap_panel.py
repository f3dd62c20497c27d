import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLabel, QPushButton, QSlider

from app.panels.heatmap_panel import HeatmapPanel, HeatmapView
from ihd_core.heatmaps.explain import OWN, Kind
from ihd_core.labels import DISPLAY_ORDER, Label

LEFT = Qt.MouseButton.LeftButton
NAMES = ("joint", *(label.value for label in DISPLAY_ORDER))


@pytest.fixture
def panel(qtbot):
    shown = HeatmapPanel()
    qtbot.addWidget(shown)
    shown.resize(330, 90)
    shown.show()
    return shown


def button(panel, name):
    return panel.findChild(QPushButton, f"heatmap_{name}")


def slider(panel):
    return panel.findChild(QSlider, "heatmap_opacity")


def test_without_a_prediction_nothing_can_be_chosen(panel):
    panel.show_heatmap(HeatmapView(on=True, note="One cell is 28 mm."))
    assert not any(button(panel, name).isEnabled() for name in ("on", *NAMES))
    assert not button(panel, "on").isChecked()
    assert panel.findChild(QLabel, "heatmap_note").text() == ""


def test_every_label_and_all_together_can_be_chosen(qtbot, panel):
    panel.show_heatmap(HeatmapView(on=True, available=True))
    chosen = []
    panel.label_chosen.connect(chosen.append)
    for name in NAMES:
        qtbot.mouseClick(button(panel, name), LEFT)
    assert chosen == [None, *DISPLAY_ORDER]


@pytest.mark.parametrize("label", [None, *DISPLAY_ORDER])
def test_the_chosen_label_alone_is_pressed(panel, label):
    panel.show_heatmap(HeatmapView(on=True, label=label, available=True))
    assert [name for name in NAMES if button(panel, name).isChecked()] == [label or "joint"]


def test_the_switch_asks_for_heatmaps(qtbot, panel):
    panel.show_heatmap(HeatmapView(on=False, available=True))
    with qtbot.waitSignal(panel.toggled) as signal:
        qtbot.mouseClick(button(panel, "on"), LEFT)
    assert signal.args == [True]


def test_opacity_is_shown_in_percent_and_reported_as_a_share_only_when_the_reader_moves_it(qtbot, panel):
    with qtbot.assertNotEmitted(panel.opacity_chosen):
        panel.show_heatmap(HeatmapView(on=True, opacity=0.3, available=True))
    assert panel.findChild(QLabel, "heatmap_percent").text() == "30 %"
    with qtbot.waitSignal(panel.opacity_chosen) as signal:
        qtbot.mousePress(slider(panel), LEFT, pos=QPoint(slider(panel).width() - 1, 5))
    assert signal.args == [1.0]


def test_the_legend_has_the_colours_that_are_painted(panel):
    panel.show_heatmap(HeatmapView(on=True, available=True, colours={Label.SUBDURAL: (213, 94, 0)}))
    swatch = button(panel, "subdural").icon().pixmap(10, 10).toImage().pixelColor(5, 5)
    assert (swatch.red(), swatch.green(), swatch.blue()) == (213, 94, 0)
    assert button(panel, "joint").icon().isNull()


def test_it_says_how_coarse_the_map_is(panel):
    panel.show_heatmap(HeatmapView(on=True, available=True, note="One cell of the map is 28 × 28 mm."))
    assert panel.findChild(QLabel, "heatmap_note").text() == "One cell of the map is 28 × 28 mm."


def test_every_control_has_a_name_and_its_key(panel):
    panel.show_keys({"heatmap_on": "G", "heatmap_joint": "Alt+0"})
    assert button(panel, "on").toolTip() == "Show heatmaps (G)"
    assert button(panel, "joint").toolTip() == "All detected labels together (Alt+0)"
    assert all(button(panel, name).accessibleName() for name in NAMES)
    assert slider(panel).accessibleName()


@pytest.mark.parametrize("kind", OWN)
def test_the_kind_that_is_shown_alone_is_pressed(panel, kind):
    panel.show_heatmap(HeatmapView(on=True, available=True, kind=kind))
    assert [one for one in OWN if button(panel, one.name.lower()).isChecked()] == [kind]


def test_every_kind_can_be_chosen_and_two_be_compared(qtbot, panel):
    panel.show_heatmap(HeatmapView(on=True, available=True, kind=Kind.CNN))
    chosen, compared, lines = [], [], []
    panel.kind_chosen.connect(chosen.append)
    panel.comparing_chosen.connect(compared.append)
    panel.contours_chosen.connect(lines.append)
    for kind in OWN:
        qtbot.mouseClick(button(panel, kind.name.lower()), LEFT)
    qtbot.mouseClick(button(panel, "comparing"), LEFT)
    qtbot.mouseClick(button(panel, "contours"), LEFT)
    assert (chosen, compared, lines) == (list(OWN), [True], [True])


def test_without_a_bilstm_there_is_no_choice_of_kinds(panel):
    panel.show_heatmap(HeatmapView(on=True, available=True))
    assert not button(panel, "cnn").isVisible()
    panel.show_heatmap(HeatmapView(on=True, available=True, kind=Kind.CNN))
    assert button(panel, "cnn").isVisible()


def test_of_another_method_none_is_pressed(panel):
    panel.show_heatmap(HeatmapView(on=True, available=True, kind=Kind.CNN))
    panel.show_heatmap(HeatmapView(on=True, available=True, kind=Kind.LAYER_CAM))
    assert not any(button(panel, one.name.lower()).isChecked() for one in OWN)
    panel.show_heatmap(HeatmapView(on=True, available=True, kind=Kind.RESULT_SCAN))
    assert button(panel, "result_scan").isChecked()
