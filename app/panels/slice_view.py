"""Draw one slice with its heatmaps; wheel, drag and click become signals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.panels.slice_marks import draw_marks
from app.panels.slice_picture import CENTER_LIMITS, WIDTH_LIMITS, SlicePicture
from app.panels.slice_placing import Placing, VisiblePart, visible_part
from app.panels.slice_writing import write_around
from ihd_core.windowing import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

EMPTY = "Open a head CT: Ctrl+O, or drop a folder, files, a ZIP or NIfTI here"
CALM = QColor(150, 157, 165)
RULE = QColor(120, 180, 220, 150)
NOTCH = 120  # Qt: eighths of a degree of one wheel click
TOUCHPAD_STEP_PX = 24
ZOOM_STEP = 1.2
CLICK_PX = 3


@dataclass(frozen=True, slots=True)
class Gesture:
    """One thing the mouse can do in the slice view, for the help page."""

    hand: str
    does: str


GESTURES = (
    Gesture("Wheel", "One slice; down goes towards the vertex"),
    Gesture("Shift + wheel", "Ten slices"),
    Gesture("Ctrl + wheel", "Zoom about the pointer"),
    Gesture("Left drag", "Window: right is wider, up is brighter"),
    Gesture("Left click, drag", "With a tool: point at the places that it asks for"),
    Gesture("Double click", "One picture alone, or all again"),
    Gesture("Middle drag", "Move the slice"),
    Gesture("Right drag", "Zoom: up is larger"),
)


@dataclass(frozen=True, slots=True)
class _Drag:
    button: Qt.MouseButton
    start: QPointF
    placing: Placing
    window: Window


class SliceView(QWidget):
    """One slice, as large as the reader wants it."""

    scrolled = Signal(int)
    """Slices to move by; above 0 towards the vertex."""
    window_dragged = Signal(object)
    """The Window the reader has dragged to."""
    probed = Signal(int, int)
    """Row and column of the slice pixel under the pointer."""
    left = Signal()
    """The pointer is no longer over the slice."""
    clicked = Signal(int, int)
    """Row and column of the slice pixel that was clicked, without a drag."""
    pointed = Signal(int, int)
    """Row and column of the slice pixel that a tool takes: where the left button goes down, and where a drag ends."""
    doubled = Signal()
    """A double click."""
    placed = Signal(float, object)
    """Zoom and middle, as Placing has them, that the reader has chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("slice_view")
        self.setAccessibleName("Slice")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 240)
        self._picture: SlicePicture | None = None
        self._message = EMPTY
        self._zoom, self._middle = 1.0, (0.5, 0.5)
        self._drag: _Drag | None = None
        self._turned = 0.0
        self._overlay: tuple[NDArray[np.uint8], VisiblePart, NDArray[np.uint8]] | None = None

    def show_picture(self, picture: SlicePicture | None) -> None:
        """Draw this slice, at the zoom and place the reader has chosen; None says how to open a scan."""
        self._picture = picture
        self._message = EMPTY
        is_measuring = picture is not None and picture.measuring
        self.setCursor(Qt.CursorShape.CrossCursor if is_measuring else Qt.CursorShape.ArrowCursor)
        self.update()

    def show_message(self, text: str) -> None:
        """Show one calm sentence instead of a slice."""
        self._picture = None
        self._message = text
        self.update()

    def zoom_in(self) -> None:
        """Enlarge about the middle."""
        self._zoom_about(ZOOM_STEP, QRectF(self.rect()).center())

    def zoom_out(self) -> None:
        """Make smaller about the middle."""
        self._zoom_about(1 / ZOOM_STEP, QRectF(self.rect()).center())

    def fit(self) -> None:
        """Show the whole slice as large as it fits."""
        self._zoom, self._middle = 1.0, (0.5, 0.5)
        self.placed.emit(self._zoom, self._middle)
        self.update()

    def reset_view(self) -> None:
        """Forget zoom, place and half-turned wheel, as for a new scan."""
        self._turned = 0.0
        self._drag = None
        self.fit()

    def place_like(self, zoom: float, middle: tuple[float, float]) -> None:
        """Show what another view shows; nothing is emitted."""
        self._zoom, self._middle = zoom, middle
        self.update()

    @property
    def zoom(self) -> float:
        """Screen pixels per mm; 0 without a slice."""
        placing = self._placing()
        return placing.per_mm if placing else 0.0

    def image_point(self, row: float, column: float) -> QPointF:
        """Where on the widget the centre of a slice pixel is drawn."""
        placing = self._placing()
        return QPointF(*placing.on_widget(row + 0.5, column + 0.5)) if placing else QPointF()

    # Painting

    def _placing(self) -> Placing | None:
        if self._picture is None:
            return None
        rows, columns = self._picture.pixels.shape[:2]
        size = float(self.width()), float(self.height())
        return Placing((rows, columns), self._picture.pixel_mm, size, self._zoom, self._middle)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the slice, the overlay above it and the writing above both."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        placing = self._placing()
        if self._picture is None or placing is None:
            painter.setPen(CALM)
            words = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(24, 24, -24, -24), words, self._message)
            return
        part = visible_part(placing, self.devicePixelRatioF())
        if part is not None:
            self._draw_slice(painter, self._picture, part)
        self._draw_rules(painter, self._picture, placing)
        draw_marks(painter, self._picture.marks, placing)
        write_around(painter, self._picture, placing.size, placing.per_mm)

    def _draw_slice(self, painter: QPainter, picture: SlicePicture, part: VisiblePart) -> None:
        ratio = self.devicePixelRatioF()
        corner = QPointF(part.x / ratio, part.y / ratio)
        pixels = part.resized(picture.pixels)
        code = cv2.COLOR_GRAY2BGRA if pixels.ndim == 2 else cv2.COLOR_RGB2BGRA
        pixels = np.asarray(cv2.cvtColor(pixels, code), np.uint8)  # Qt draws 32 bits much faster than 8 or 24
        painter.drawImage(corner, _image(pixels, QImage.Format.Format_RGB32, ratio))
        if picture.overlay is not None:
            resized = self._resized_overlay(picture.overlay, part)
            painter.drawImage(corner, _image(resized, QImage.Format.Format_ARGB32_Premultiplied, ratio))

    def _draw_rules(self, painter: QPainter, picture: SlicePicture, placing: Placing) -> None:
        """Thin lines where other pictures cut this one."""
        rows, columns = picture.rules
        painter.setPen(QPen(RULE, 1, Qt.PenStyle.DashLine))
        for row in rows:
            y = placing.on_widget(row + 0.5, 0)[1]
            painter.drawLine(QPointF(0, y), QPointF(self.width(), y))
        for column in columns:
            x = placing.on_widget(0, column + 0.5)[0]
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))

    def _resized_overlay(self, overlay: NDArray[np.uint8], part: VisiblePart) -> NDArray[np.uint8]:
        """The overlay at screen size; kept, so that a window change does not resize it again."""
        if self._overlay is None or self._overlay[0] is not overlay or self._overlay[1] != part:
            self._overlay = overlay, part, _premultiplied_and_resized(overlay, part)
        return self._overlay[2]

    # The mouse

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll or zoom; what is less than a step is kept for the next event."""
        event.accept()
        turned = _turned(event)
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._zoom_about(ZOOM_STEP**-turned, event.position())
            return
        if turned * self._turned < 0:
            self._turned = 0.0
        self._turned += turned
        steps = math.trunc(self._turned)
        self._turned -= steps
        if steps and self._picture is not None:
            self.scrolled.emit(10 * steps if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else steps)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Start a drag."""
        placing = self._placing()
        if self._picture is not None and placing is not None:
            self._drag = _Drag(event.button(), event.position(), placing, self._picture.window)
            if self._is_pointing(event):
                self._point(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with a drag; say which pixel is under the pointer."""
        self._probe(event.position())
        drag = self._drag
        if drag is None or not event.buttons() & drag.button:
            return
        moved = event.position() - drag.start
        if max(abs(moved.x()), abs(moved.y())) < CLICK_PX:
            return
        if drag.button == Qt.MouseButton.LeftButton:
            if self._picture is not None and not self._picture.measuring:
                self._drag_window(drag.window, moved)
        elif drag.button == Qt.MouseButton.MiddleButton:
            self._place(drag.placing.moved(moved.x(), moved.y()))
        elif drag.button == Qt.MouseButton.RightButton:
            self._place(drag.placing.zoomed(math.exp(-moved.y() / 150), drag.start.x(), drag.start.y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a drag."""
        drag = self._drag
        if drag is None or event.button() != drag.button:
            return
        self._drag = None
        moved = event.position() - drag.start
        is_click = max(abs(moved.x()), abs(moved.y())) < CLICK_PX
        if self._is_pointing(event):
            if not is_click:
                self._point(event.position())
        elif drag.button == Qt.MouseButton.LeftButton and is_click:
            place = self._pixel_at(event.position())
            if place is not None:
                self.clicked.emit(*place)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask for this picture alone, or for all again; with a tool a second place is pointed at."""
        if self._is_pointing(event):
            self.mousePressEvent(event)
        elif event.button() == Qt.MouseButton.LeftButton and self._picture is not None:
            self._drag = None
            self.doubled.emit()

    def _is_pointing(self, event: QMouseEvent) -> bool:
        return event.button() == Qt.MouseButton.LeftButton and self._picture is not None and self._picture.measuring

    def _point(self, where: QPointF) -> None:
        place = self._pixel_at(where)
        if place is not None:
            self.pointed.emit(*place)

    def leaveEvent(self, event: QEvent) -> None:
        """Say that no pixel is under the pointer."""
        self.left.emit()

    def _probe(self, where: QPointF) -> None:
        place = self._pixel_at(where)
        if place is not None:
            self.probed.emit(*place)
        elif self._picture is not None:
            self.left.emit()

    def _pixel_at(self, where: QPointF) -> tuple[int, int] | None:
        """Row and column of the slice pixel at a place of the widget."""
        placing = self._placing()
        if placing is None:
            return None
        row, column = (math.floor(position) for position in placing.on_slice(where.x(), where.y()))
        return (row, column) if 0 <= row < placing.shape[0] and 0 <= column < placing.shape[1] else None

    def _drag_window(self, start: Window, moved: QPointF) -> None:
        hu_per_px = max(start.width, 40) / 200
        width = min(max(round(start.width + moved.x() * hu_per_px), WIDTH_LIMITS[0]), WIDTH_LIMITS[1])
        center = min(max(round(start.center + moved.y() * hu_per_px), CENTER_LIMITS[0]), CENTER_LIMITS[1])
        self.window_dragged.emit(Window(center, width))

    def _zoom_about(self, factor: float, where: QPointF) -> None:
        placing = self._placing()
        if placing is not None:
            self._place(placing.zoomed(factor, where.x(), where.y()))

    def _place(self, placing: Placing) -> None:
        self._zoom, self._middle = placing.zoom, placing.middle
        self.placed.emit(self._zoom, self._middle)
        self.update()


def _turned(event: QWheelEvent) -> float:
    """Steps of a wheel event, above 0 when turned down; macOS turns Shift + wheel to the side."""
    pixels, angle = event.pixelDelta(), event.angleDelta()
    if not pixels.isNull():
        return -(pixels.y() or pixels.x()) / TOUCHPAD_STEP_PX
    return -(angle.y() or angle.x()) / NOTCH


def _premultiplied_and_resized(overlay: NDArray[np.uint8], part: VisiblePart) -> NDArray[np.uint8]:
    """Red, green, blue, alpha to Qt's 32 bits at screen size; colours times alpha may be averaged, others may not."""
    straight = _image(np.ascontiguousarray(overlay), QImage.Format.Format_RGBA8888, 1.0)
    multiplied = straight.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
    return part.resized(np.frombuffer(multiplied.constBits(), np.uint8).reshape(overlay.shape), smooth=False)


def _image(pixels: NDArray[np.uint8], form: QImage.Format, ratio: float) -> QImage:
    """An image that shares the memory of pixels and must not outlive them."""
    height, width = pixels.shape[:2]
    image = QImage(pixels.data, width, height, pixels.strides[0], form)
    image.setDevicePixelRatio(ratio)
    return image
