"""Choose a window; show center and width in HU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QSpinBox, QStackedWidget, QWidget

from app.panels.slice_picture import CENTER_LIMITS, WIDTH_LIMITS
from ihd_core.windowing import BONE, BRAIN, SOFT_TISSUE, STROKE, SUBDURAL, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QKeyEvent, QWheelEvent

PRESETS = (BRAIN, SUBDURAL, SOFT_TISSUE, BONE, STROKE)
NETWORK = "Red C 40 W 80 · green C 80 W 200 · blue C 40 W 380"


class WindowBar(QWidget):
    """The presets, the three-channel view of the network, and center and width to read and to set."""

    window_chosen = Signal(object)
    """The Window the reader wants."""
    network_view_chosen = Signal(bool)
    """Whether the reader wants the image the network sees."""

    def __init__(self, parent: QWidget | None = None, *, keys: Mapping[str, str] | None = None) -> None:
        """Build the bar.

        Args:
            parent: Qt's.
            keys: key of a preset by its name, to be shown on its button; "network" for the network's view.
        """
        super().__init__(parent)
        self.setObjectName("window_bar")
        self.setAccessibleName("Window")
        keys = keys or {}
        row = QHBoxLayout(self)
        row.setContentsMargins(5, 4, 5, 4)
        row.setSpacing(3)
        self._presets = {preset: self._preset_button(preset, keys.get(preset.name, "")) for preset in PRESETS}
        for button in self._presets.values():
            row.addWidget(button)
        self._network = _button("network", "Network view", keys.get("network", ""))
        self._network.setToolTip(f"The three channels the network sees\n{NETWORK}")
        self._network.clicked.connect(self.network_view_chosen)
        row.addWidget(self._network)
        row.addStretch()
        self._center = _HuBox("center", "C ", CENTER_LIMITS)
        self._width = _HuBox("width", "W ", WIDTH_LIMITS)
        for box in (self._center, self._width):
            box.valueChanged.connect(self._on_typed)
        row.addWidget(self._numbers())

    def _preset_button(self, preset: Window, key: str) -> QPushButton:
        button = _button(preset.name.replace(" ", "_"), preset.name.capitalize(), key)
        button.setToolTip(f"C {preset.center:g} W {preset.width:g} HU")
        button.clicked.connect(lambda: self._on_preset(preset))
        return button

    def _numbers(self) -> QStackedWidget:
        boxes = QWidget()
        row = QHBoxLayout(boxes)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch()
        row.addWidget(self._center)
        row.addWidget(self._width)
        row.addWidget(QLabel("HU"))
        channels = QLabel(NETWORK)
        channels.setObjectName("window_channels")
        channels.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._shown_numbers = QStackedWidget()
        self._shown_numbers.addWidget(boxes)
        self._shown_numbers.addWidget(channels)
        return self._shown_numbers

    def show_window(self, window: Window, network_view: bool = False) -> None:
        """Show which window is on the screen; nothing is emitted."""
        for preset, button in self._presets.items():
            same = (preset.center, preset.width) == (window.center, window.width)
            button.setChecked(same and not network_view)
        self._network.setChecked(network_view)
        self._shown_numbers.setCurrentIndex(int(network_view))
        with QSignalBlocker(self._center), QSignalBlocker(self._width):
            self._center.setValue(round(window.center))
            self._width.setValue(round(window.width))

    def _on_preset(self, preset: Window) -> None:
        self._presets[preset].setChecked(True)  # a click on the one in use must not release it
        self.window_chosen.emit(preset)

    def _on_typed(self) -> None:
        self.window_chosen.emit(Window(self._center.value(), self._width.value()))


def _button(name: str, text: str, key: str) -> QPushButton:
    button = QPushButton(f"{text}  {key}".strip())
    button.setObjectName(f"window_{name}")
    button.setAccessibleName(f"{text} window" if name != "network" else text)
    button.setCheckable(True)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


class _HuBox(QSpinBox):
    """A number of HU that is changed on purpose only, and gives the keys back after Enter."""

    def __init__(self, name: str, prefix: str, limits: tuple[int, int]) -> None:
        super().__init__()
        self.setObjectName(f"window_{name}")
        self.setAccessibleName(f"Window {name}, HU")
        self.setPrefix(prefix)
        self.setRange(*limits)
        self.setSingleStep(5)
        self.setKeyboardTracking(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        # Not NoButtons: with a style sheet Qt 6.11 then makes the field for the number 1 pixel wide.
        self.setStyleSheet("QSpinBox::up-button, QSpinBox::down-button { width: 0; }")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Take the wheel only where the reader is typing."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Give the keys back to the window after Enter."""
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.clearFocus()
