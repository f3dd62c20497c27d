from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton, QWidget

from app.panels.findings_panel import FindingsPanel, FindingsView, headline, ranges
from ihd_core.labels import LABELS, Label
from ihd_core.model_info import ModelInfo, OperatingPoint, SequenceShape, TrainingData, paper_points
from ihd_core.model_input import Cells, placement
from ihd_core.predict import Prediction
from ihd_core.scan import Scan, ScanWarning

ANY, SDH, SAH, EDH = Label.ANY, Label.SUBDURAL, Label.SUBARACHNOID, Label.EPIDURAL
LEFT = Qt.MouseButton.LeftButton
SLICES = 20
THRESHOLDS = {"screen": 0.3, "confirm": 0.8}
MODEL = ModelInfo(
    name="Demonstration 1",
    intended_use="Demonstration model, trained on synthetic heads, not for clinical use.",
    demonstration=True,
    backbone="small",
    side=32,
    mean=(0.0, 0.0, 0.0),
    deviation=(1.0, 1.0, 1.0),
    reduction="pca",
    pooled_count=4,
    sequence=SequenceShape(),
    operating_points={
        "paper": paper_points(),
        **{
            setting: {level: dict.fromkeys(LABELS, OperatingPoint(value)) for level in ("scan", "slice")}
            for setting, value in THRESHOLDS.items()
        },
    },
    full_scale=dict.fromkeys(LABELS, 1.0),
    training=TrainingData("", ""),
    sha256="ab12cd34ef56" + "7" * 52,
)


def prediction(cnn=0.0, **slices):
    """Probabilities by label name: {slice_index: probability}; the CNN alone says `cnn` of every label."""
    both = np.zeros((SLICES, len(LABELS)), np.float32)
    for name, values in slices.items():
        for index, value in values.items():
            both[index, Label(name).column] = value
    alone = np.full_like(both, cnn)
    hu = np.zeros((SLICES, 32, 32), np.int16)
    scan = Scan(hu, (5.0, 1.0, 1.0), np.eye(3), np.outer(np.arange(SLICES), (0.0, 0, 5)), "1.2", ("",) * SLICES)
    return Prediction(
        cnn_slices=alone,
        slices=both,
        cnn_scan=alone.max(0),
        scan=both.max(0),
        evidence=np.zeros((SLICES, len(LABELS), 2, 2), np.float32),
        slab_of_slice=np.arange(SLICES),
        placement=placement(scan, 32),
        cells=Cells(16.0, 0.0),
        warnings=(),
        model=MODEL,
        seconds=1.0,
    )


SUBDURAL = prediction(any={13: 0.7, 14: 0.95}, subdural={13: 0.5, 14: 0.9, 15: 0.6, 18: 0.4}, cnn=0.25)
NOTHING = prediction(any={4: 0.2})


def ready(found, setting="screen", **changes):
    return FindingsView("ready", found, setting, model=MODEL, **changes)


@pytest.fixture
def panel(qtbot):
    shown = FindingsPanel()
    qtbot.addWidget(shown)
    shown.resize(330, 300)
    shown.show()
    return shown


def text(panel, name):
    return panel.findChild(QLabel, name).text()


def test_a_flagged_scan_says_what_and_where_in_two_lines():
    line = headline(ready(SUBDURAL))
    assert (line.text, line.detail, line.tone) == ("FLAGGED: Subdural", "Slices 14–16, 19", "alert")


def test_the_setting_decides_what_is_flagged():
    assert headline(ready(SUBDURAL, "confirm")).detail == "Slice 15"
    assert headline(ready(prediction(any={3: 0.6}, subdural={3: 0.6}), "confirm")).tone == "calm"


def test_several_subtypes_are_named_by_their_short_names():
    found = prediction(any={2: 0.9}, subdural={2: 0.9}, epidural={9: 0.9})
    assert headline(ready(found)).text == "FLAGGED: EDH + SDH"
    assert headline(ready(found)).detail == "Slices 3, 10"


def test_any_alone_is_flagged_without_a_type():
    line = headline(ready(prediction(any={2: 0.9})))
    assert (line.text, line.detail) == ("FLAGGED: type not clear", "Slice 3")


def test_a_probability_exactly_at_the_operating_point_is_not_called():
    assert headline(ready(prediction(any={2: 0.5}), "paper")).tone == "calm"
    assert headline(ready(prediction(any={2: 0.51}), "paper")).tone == "alert"


@pytest.mark.parametrize("code", ["not-a-head", "part-of-a-head"])
def test_where_a_scan_is_no_whole_head_no_number_of_it_is_shown_and_nothing_is_flagged(panel, code):
    found = replace(SUBDURAL, warnings=(ScanWarning(code, "Why not."),))
    panel.show_findings(ready(found))
    assert text(panel, "findings_headline") == "NO RESULT FOR THIS SCAN"
    assert text(panel, "findings_detail") == "Why not."
    assert text(panel, "findings_scan_subdural") == ""
    assert not panel.findChild(QWidget, "findings_table").isVisible()
    assert found.detected("screen") == ()
    assert SUBDURAL.detected("screen")


def test_a_warning_of_another_kind_withholds_nothing(panel):
    panel.show_findings(ready(replace(SUBDURAL, warnings=(ScanWarning("thick-slices", "Thick."),))))
    assert text(panel, "findings_headline") == "FLAGGED: Subdural"


def test_below_every_operating_point_it_never_says_that_nothing_is_there(panel):
    panel.show_findings(ready(NOTHING))
    said = "Nothing above the operating points. This does not exclude hemorrhage"
    assert text(panel, "findings_headline") == said
    everything = " ".join(label.text() for label in panel.findChildren(QLabel)).lower()
    assert "normal" not in everything
    assert "negative" not in everything


@pytest.mark.parametrize(
    ("view", "line"),
    [
        (FindingsView(), "No scan open"),
        (FindingsView("loading", progress=(12, 35)), "Reading 12 / 35"),
        (FindingsView("loading"), "Reading"),
        (FindingsView("running", progress=(12, 35)), "Analysing 12 / 35"),
        (FindingsView("running", progress=(12, 35), hidden=True), "Hidden until your opinion"),
        (FindingsView("ready", SUBDURAL, hidden=True), "Hidden until your opinion"),
        (FindingsView("not analysed", reason="Coronal slices."), "NOT ANALYSED"),
        (FindingsView("not analysed", reason="Coronal slices.", hidden=True), "NOT ANALYSED"),
    ],
)
def test_the_first_line_tells_the_state(view, line):
    assert headline(view).text == line


def test_the_reason_why_a_scan_was_not_analysed_is_shown(panel):
    panel.show_findings(FindingsView("not analysed", reason="Coronal slices."))
    assert text(panel, "findings_detail") == "Coronal slices."


def test_both_probabilities_stand_beside_each_other(panel):
    panel.show_findings(ready(SUBDURAL))
    assert [text(panel, f"findings_scan_{label}") for label in (ANY, SDH, EDH)] == ["0.95", "0.90", "0.00"]
    assert text(panel, "findings_cnn_subdural") == "0.25"


def test_a_cnn_that_has_the_last_word_is_shown_once_and_named_so(panel):
    alone = replace(MODEL, sequence=None)
    panel.show_findings(ready(replace(SUBDURAL, model=alone)))
    assert text(panel, "findings_title_2") == "CNN"
    assert text(panel, "findings_scan_subdural") == "0.90"
    said = " ".join(label.text() for label in panel.findChildren(QLabel) if label.isVisible())
    assert "BiLSTM" not in said
    assert "0.25" not in said
    panel.show_findings(ready(SUBDURAL))
    assert text(panel, "findings_title_2") == "CNN +\nBiLSTM"
    assert panel.findChild(QLabel, "findings_cnn_subdural").isVisible()


def test_what_is_above_its_operating_point_stands_out(panel):
    panel.show_findings(ready(SUBDURAL))
    tones = {label: panel.findChild(QLabel, f"findings_scan_{label}").property("tone") for label in (SDH, SAH)}
    assert tones == {SDH: "alert", SAH: ""}
    bar = panel.findChild(QWidget, "findings_bar_subdural")
    assert bar.accessibleDescription() == "0.900 is above the operating point 0.300"


def test_the_bar_is_as_long_as_the_probability_and_marks_the_operating_point(panel):
    panel.show_findings(ready(prediction(subdural={3: 0.5}, any={3: 0.1})))
    bar = panel.findChild(QWidget, "findings_bar_subdural")
    bar.resize(100, 14)
    line = bar.grab().toImage()
    row = [line.pixelColor(column, 7).name() for column in range(100)]
    assert row[10] == row[29] == row[45] != row[60]
    assert row[30] == row[31] == "#e8ecef"
    assert row[48] != row[52]


def test_the_peak_of_every_label_is_a_link_to_its_slice(qtbot, panel):
    panel.show_findings(ready(SUBDURAL))
    link = panel.findChild(QPushButton, "findings_peak_subdural")
    assert link.text() == "15"
    with qtbot.waitSignal(panel.slice_chosen) as signal:
        qtbot.mouseClick(link, LEFT)
    assert signal.args == [14]


def test_while_hidden_no_widget_knows_the_result(panel):
    panel.show_findings(ready(SUBDURAL))
    panel.show_findings(ready(SUBDURAL, hidden=True))
    assert not panel.findChild(QWidget, "findings_table").isVisible()
    told = [
        words
        for widget in panel.findChildren(QWidget)
        for words in (widget.toolTip(), widget.accessibleDescription(), getattr(widget, "text", str)())
    ]
    assert not any(secret in words for words in told for secret in ("0.9", "0.25", "15", "Slices 14", "FLAGGED"))
    tones = {label.objectName() for label in panel.findChildren(QLabel) if label.property("tone") == "alert"}
    assert tones == {"findings_intended_use"}


def test_the_result_can_be_asked_for_while_it_is_hidden_only(qtbot, panel):
    show = panel.findChild(QPushButton, "show_ai")
    panel.show_findings(ready(SUBDURAL))
    assert not show.isVisible()
    panel.show_findings(ready(SUBDURAL, hidden=True))
    panel.show_keys({"show_ai": "F9"})
    assert show.text() == "Show AI  F9"
    with qtbot.waitSignal(panel.show_ai_pressed):
        qtbot.mouseClick(show, LEFT)


@pytest.mark.parametrize("view", [FindingsView(model=MODEL), ready(SUBDURAL), ready(SUBDURAL, hidden=True)])
def test_the_model_and_what_it_is_for_are_always_there(panel, view):
    panel.show_findings(view)
    assert text(panel, "findings_model") == "Demonstration 1 · ab12cd34ef56"
    assert text(panel, "findings_intended_use") == MODEL.intended_use
    assert panel.findChild(QLabel, "findings_intended_use").isVisible()


def test_the_operating_points_can_be_chosen_and_showing_them_chooses_nothing(qtbot, panel):
    box = panel.findChild(QComboBox, "findings_setting")
    with qtbot.assertNotEmitted(panel.setting_chosen):
        panel.show_findings(ready(SUBDURAL, "paper"))
    assert box.currentData() == "paper"
    with qtbot.waitSignal(panel.setting_chosen) as signal:
        box.activated.emit(1)
    assert signal.args == ["confirm"]


@pytest.mark.parametrize(
    ("indices", "written"), [((), ""), ((0,), "1"), ((0, 1), "1–2"), ((3, 4, 5, 8, 10, 11), "4–6, 9, 11–12")]
)
def test_slices_are_written_as_the_screen_counts_them(indices, written):
    assert ranges(indices) == written
