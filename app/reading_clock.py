"""How long things were on the screen: the scan, the model's results, each heatmap."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.view_commands import rated_label

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.session import Shown
    from ihd_core.heatmaps.explain import Kind
    from ihd_core.labels import Label

    Place = tuple[int, Label, Kind]  # of a heatmap: slice index, label and kind


@dataclass(slots=True)
class _Stopwatch:
    seconds: float = 0.0
    starts: int = 0
    since: float | None = None

    def run(self, on: bool, now: float) -> None:
        if self.since is not None:
            self.seconds += now - self.since
        elif on:
            self.starts += 1
        self.since = now if on else None


@dataclass(slots=True)
class ReadingClock:
    """Measures one reader on one scan with a clock that cannot be set back.

    Attributes:
        now: seconds, from any start.
    """

    now: Callable[[], float] = time.monotonic
    _scan: _Stopwatch = field(default_factory=_Stopwatch)
    _results: _Stopwatch = field(default_factory=_Stopwatch)
    _heatmaps: dict[Place, _Stopwatch] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def start_over(self) -> None:
        """Another scan, or another reader: nothing has been seen yet."""
        self._scan, self._results, self._heatmaps, self._seen = _Stopwatch(), _Stopwatch(), {}, set()

    def look(self, shown: Shown) -> None:
        """This is on the screen from now on."""
        now = self.now()
        self._scan.run(shown.scan is not None or shown.preview is not None, now)
        results = shown.prediction is not None or shown.partial is not None
        self._results.run(results and shown.results_visible, now)
        label = None if shown.peeking else rated_label(shown)
        current = (shown.slice_index, label, shown.kind) if label is not None else None
        if current is not None:
            self._heatmaps.setdefault(current, _Stopwatch())
        for key, watch in self._heatmaps.items():
            watch.run(key == current, now)
        if shown.scan is not None:
            self._seen.add(shown.slice_index)

    @property
    def seconds(self) -> float:
        """Since the scan's first slice was on the screen."""
        return self._read(self._scan)

    @property
    def results_seconds(self) -> float:
        """How long results of the model were on the screen; 0.0 if never."""
        return self._read(self._results)

    def heatmap_seconds(self, place: Place) -> float:
        """How long the heatmap of one slice, label and kind was the one on the screen."""
        return self._read(self._heatmaps.get(place, _Stopwatch()))

    def heatmap_views(self, place: Place) -> int:
        """How often it came to the screen."""
        return self._heatmaps.get(place, _Stopwatch()).starts

    @property
    def slices_seen(self) -> int:
        """How many different slices were on the screen."""
        return len(self._seen)

    def _read(self, watch: _Stopwatch) -> float:
        return watch.seconds + (self.now() - watch.since if watch.since is not None else 0.0)
