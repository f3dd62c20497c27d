"""One picture or several side by side, linked where they show the same."""

from __future__ import annotations

from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from app.panels.parts import named
from app.panels.slice_view import SliceView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.panels.slice_picture import SlicePicture

MOST = 3


class ViewGrid(QWidget):
    """Slice views, as many as there are pictures; every signal says first which one it comes from, 0 the leftmost."""

    scrolled = Signal(int, int)
    """Slices to move by; above 0 towards the vertex."""
    window_dragged = Signal(int, object)
    """The Window the reader has dragged to."""
    probed = Signal(int, int, int)
    """Row and column of the pixel under the pointer."""
    left = Signal()
    """The pointer is over no picture."""
    clicked = Signal(int, int, int)
    """Row and column of the pixel that was clicked."""
    pointed = Signal(int, int, int)
    """Row and column of the pixel that a tool is to take."""
    enlarged = Signal(int)
    """A double click asks for one picture alone, or for all again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "view_grid", "Pictures")
        self.views = tuple(SliceView(self) for _ in range(MOST))
        self._shown: tuple[SlicePicture | None, ...] = (None,)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        for number, view in enumerate(self.views):
            if number:
                named(view, f"slice_view_{number + 1}", f"Picture {number + 1}")
                view.hide()
            view.scrolled.connect(partial(self.scrolled.emit, number))
            view.window_dragged.connect(partial(self.window_dragged.emit, number))
            view.probed.connect(partial(self.probed.emit, number))
            view.clicked.connect(partial(self.clicked.emit, number))
            view.pointed.connect(partial(self.pointed.emit, number))
            view.doubled.connect(partial(self.enlarged.emit, number))
            view.left.connect(self.left)
            view.placed.connect(partial(self._link, number))
        self._arrange(1, stacked=False)

    def show_pictures(self, pictures: Sequence[SlicePicture], *, stacked: bool = False) -> None:
        """Draw these; none says how to open a scan.

        Args:
            pictures: at most three, from left to right.
            stacked: the second and the third above one another, beside the first.
        """
        shown = tuple(pictures) or (None,)
        if (len(shown), stacked) != self._arranged:
            self._arrange(len(shown), stacked=stacked)
        self._shown = shown
        for view, picture in zip_longest(self.views, shown):
            view.show_picture(picture)

    def reset_view(self) -> None:
        """Forget zoom and place, as for a new scan."""
        for view in self.views:
            view.reset_view()

    def fit(self) -> None:
        """Show all of every picture as large as it fits."""
        for view in self.views:
            view.fit()

    def zoom_in(self) -> None:
        """Enlarge every picture about its middle."""
        self._first_of_each("zoom_in")

    def zoom_out(self) -> None:
        """Make every picture smaller about its middle."""
        self._first_of_each("zoom_out")

    def _first_of_each(self, what: str) -> None:
        seen: set[str] = set()
        for view, picture in zip(self.views, self._shown, strict=False):
            if picture is not None and picture.linked not in seen:
                seen.add(picture.linked)
                getattr(view, what)()

    def _arrange(self, count: int, *, stacked: bool) -> None:
        self._arranged = count, stacked
        for number, view in enumerate(self.views):
            self._grid.removeWidget(view)
            view.setVisible(number < count)
        for number, view in enumerate(self.views[:count]):
            if stacked and number == 0:
                self._grid.addWidget(view, 0, 0, 2, 1)
            elif stacked:
                self._grid.addWidget(view, number - 1, 1)
            else:
                self._grid.addWidget(view, 0, number, 2, 1)
        for column in range(MOST):
            self._grid.setColumnStretch(column, int(column < (2 if stacked else count)))
        for row in range(2):
            self._grid.setRowStretch(row, 1)

    def _link(self, number: int, zoom: float, middle: tuple[float, float]) -> None:
        here = self._shown[number] if number < len(self._shown) else None
        if here is None:
            return
        for other, (view, picture) in enumerate(zip(self.views, self._shown, strict=False)):
            if other != number and picture is not None and picture.linked == here.linked:
                view.place_like(zoom, middle)
