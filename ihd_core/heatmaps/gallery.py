"""Pages of rated heatmaps beside the bare slices, one kind of rating a page; which ones is decided by lot."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.files import sha256
from ihd_core.heatmaps.explain import OWN, Kind
from ihd_core.heatmaps.heatmap_picture import DIM, INK, LINE, PAPER, draw_ramp, drawn_slice, window_text, write_text
from ihd_core.heatmaps.overlay import COLOURS, FLOOR, OPACITY, cell_mm, layers, paint, unit
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.study.rating import RatingValue
from ihd_core.windowing import BONE, BRAIN, SOFT_TISSUE, STROKE, SUBDURAL, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ihd_core.model_info import ModelInfo
    from ihd_core.predict import Prediction
    from ihd_core.scan import Scan
    from ihd_core.study.record import Rating

EACH = 8
"""Examples of each rating that are shown when nobody says how many: one page."""
SEED = "ihd gallery"
"""Of the lots. Nobody can choose it, so that nobody can draw until the examples please."""
RULE = (
    f"By lot: in the order of SHA-256 of '{SEED}', scan, slice, label and reader; "
    "one of every scan before a second of any"
)

_PAIRS, _ROWS = 2, 4  # of a page: pictures side by side, each bare and painted, and rows of them
PER_PAGE = _PAIRS * _ROWS
"""Examples on a full page."""
_SIDE = 320
_GAP = 8
_PER_LINE = 70  # characters that fit over a pair
_NARROWEST = 2  # HU, see Window


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A rated heatmap beside the bare slice.

    Attributes:
        rating: what the reader said of it.
        slice_index: 0 = most inferior, in the scan as it was opened; slice_count is that scan's.
        probability: of the label on the slice, as the reader was shown it.
        rank: how many of the same scan and rating come before it by lot.
        cell_mm: how long a cell of the heatmap is on the patient.
        pair: (rows, columns, 3) red, green, blue; bare on the left, painted on the right.
    """

    rating: Rating
    slice_index: int
    slice_count: int
    probability: float
    rank: int
    cell_mm: float
    pair: NDArray[np.uint8]

    @property
    def order(self) -> tuple[int, str]:
        """What examples of one rating are sorted by."""
        return self.rank, lot(self.rating)


@dataclass(frozen=True, slots=True)
class Head:
    """What all pages of a gallery say.

    Attributes:
        model: whose heatmaps are shown.
        ratings: by value, how many there are in the records, shown or not.
        readers: how many readers gave them.
        damaged_rows: of the records.
    """

    model: ModelInfo
    ratings: dict[RatingValue, int]
    readers: int
    damaged_rows: int


def lot(rating: Rating) -> str:
    """Decides where a rating stands, whatever its picture looks like: 64 hexadecimal digits."""
    return sha256("\n".join([SEED, rating.scan_uid, rating.slice_uid, rating.label, rating.reader]).encode())


def obstacle(rating: Rating, model: ModelInfo) -> str:
    """Why this model's heatmap cannot be drawn as the reader saw it, whatever the scan; empty where it can."""
    if rating.model_sha256 != model.sha256:
        return f"heatmap of another model: {rating.model} {rating.model_sha256[:12]}".rstrip()
    if rating.method not in set(OWN):
        return f"heatmap by a method that is not drawn here: {rating.method or 'not recorded'}"
    if rating.window_center is None or rating.window_width is None:
        return "no one window recorded"
    if not rating.window_width >= _NARROWEST:
        return f"window cannot be shown: width {rating.window_width:g} HU, at least {_NARROWEST}"
    return ""


def obstacle_in_scan(rating: Rating, scan: Scan, prediction: Prediction) -> str:
    """Why nothing is drawn of a rating although its scan was read; empty where something is."""
    if prediction.withheld:
        return f"no result is given of the scan: {prediction.withheld}"
    return "" if rating.slice_uid in scan.slice_uids else "slice not in the scan"


def examples(ratings: Iterable[Rating], scan: Scan, prediction: Prediction, each: int) -> list[Example]:
    """Draw the ratings of one scan that may be among the first of their value.

    Args:
        ratings: of this scan; none that has an obstacle.
        scan: what was predicted.
        prediction: of this scan.
        each: how many of each value are wanted; further ones of this scan are never among them.
    """
    drawn = []
    for _, alike in groupby(sorted(ratings, key=lambda one: (one.value, lot(one))), key=lambda one: one.value):
        drawn += [_example(one, scan, prediction, rank) for rank, one in enumerate(alike) if rank < each]
    return drawn


def first(drawn: Iterable[Example], each: int) -> list[Example]:
    """The examples to be shown, by value and then in the order of RULE, at most so many of each value."""
    shown = []
    for value in RatingValue:
        shown += sorted((one for one in drawn if one.rating.value is value), key=lambda one: one.order)[:each]
    return shown


def gallery_pages(value: RatingValue, shown: Sequence[Example], head: Head) -> list[NDArray[np.uint8]]:
    """Pages of the examples of one rating.

    Args:
        value: of all of them.
        shown: in their order.
        head: what the pages say of the gallery.

    Returns:
        (rows, columns, 3) red, green, blue; none where nothing is shown. The examples are numbered along the rows, over
        all pages: page p begins with the one at place (p - 1) * PER_PAGE.
    """
    pages = []
    for begin in range(0, len(shown), PER_PAGE):
        place = f"page {begin // PER_PAGE + 1} of {-(-len(shown) // PER_PAGE)}"
        part = shown[begin : begin + PER_PAGE]
        pages.append(np.vstack([_head(value, shown, part, head, place), _grid(part, begin)]))
    return pages


def _example(rating: Rating, scan: Scan, prediction: Prediction, rank: int) -> Example:
    index = scan.slice_uids.index(rating.slice_uid)
    opacity = OPACITY if rating.opacity is None else rating.opacity
    painted = paint(layers(prediction, [rating.label], index, Kind(rating.method)), opacity)
    window = _window(rating)
    pair = np.hstack([_square(drawn_slice(scan, index, window, one, _SIDE)) for one in (None, painted)])
    probability = float(prediction.slices[index, rating.label.column])
    return Example(rating, index, len(scan), probability, rank, cell_mm(scan, prediction), pair)


def _square(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """In the middle of a square, so that slices of different shapes stand in one grid."""
    square = np.full((_SIDE, _SIDE, 3), PAPER, np.uint8)
    down, across = (_SIDE - picture.shape[0]) // 2, (_SIDE - picture.shape[1]) // 2
    square[down : down + picture.shape[0], across : across + picture.shape[1]] = picture
    return square


def _window(rating: Rating) -> Window:
    """As the reader had it, with its name where it is a preset."""
    center, width = rating.window_center, rating.window_width
    if center is None or width is None:
        raise ValueError("the window was not recorded")
    presets = {(one.center, one.width): one for one in (BRAIN, SUBDURAL, SOFT_TISSUE, BONE, STROKE)}
    return presets.get((center, width), Window(center, width))


def _grid(part: Sequence[Example], begin: int) -> NDArray[np.uint8]:
    tiles = [_tile(one, begin + number) for number, one in enumerate(part, start=1)]
    height, width = tiles[0].shape[0] + _GAP, tiles[0].shape[1] + _GAP
    grid = np.full((-(-len(tiles) // _PAIRS) * height + _GAP, _PAIRS * width + _GAP, 3), PAPER, np.uint8)
    for number, tile in enumerate(tiles):
        row, column = _GAP + number // _PAIRS * height, _GAP + number % _PAIRS * width
        grid[row : row + tile.shape[0], column : column + tile.shape[1]] = tile
    return grid


def _tile(one: Example, number: int) -> NDArray[np.uint8]:
    """A pair below two lines: which slice, by whom, of what and by what method; and why, where the reader said so."""
    rating, middle = one.rating, one.pair.shape[1] // 2
    lines = np.full((2 * LINE + 4, one.pair.shape[1], 3), PAPER, np.uint8)
    where = f"{number}  slice {one.slice_index + 1} of {one.slice_count}  {rating.reader}"
    write_text(lines, _cut(where, _PER_LINE // 2), (4, LINE - 4), INK)
    write_text(lines, f"{rating.label.short_name} {one.probability:.2f}", (middle + 4, LINE - 4), COLOURS[rating.label])
    write_text(lines, window_text(_window(rating)), (middle + 100, LINE - 4), DIM)
    said = "; ".join(text for text in (Kind(rating.method).full_name, rating.reason, rating.comment) if text)
    write_text(lines, _cut(said, _PER_LINE), (4, 2 * LINE - 4), DIM)
    return np.vstack([lines, one.pair])


def _cut(text: str, most: int) -> str:
    """On one line, without accents, which the picture's font does not have; what is too long ends in dots."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", " ".join(text.split())) if not unicodedata.combining(c))
    return plain if len(plain) <= most else f"{plain[: most - 3].rstrip()}..."


def _head(
    value: RatingValue, shown: Sequence[Example], part: Sequence[Example], head: Head, place: str
) -> NDArray[np.uint8]:
    """Who says so, on what data it may be used, what is shown of how many and why these, and the colour bars."""
    model, labels = head.model, [label for label in DISPLAY_ORDER if any(one.rating.label is label for one in part)]
    lines = [model.intended_use, *head_lines(value, shown, part, head, place)]
    band = np.full(((len(lines) + len(labels)) * LINE + 12, _PAIRS * (2 * _SIDE + _GAP) + _GAP, 3), PAPER, np.uint8)
    for number, line in enumerate(lines, start=1):
        write_text(band, line, (_GAP, number * LINE), INK if number <= 2 else DIM)
    for number, label in enumerate(labels, start=len(lines) + 1):
        highest, kinds = model.full_scale[label], {one.rating.method for one in part if one.rating.label is label}
        scale = f"{FLOOR * highest:.2g} to {highest:.2g}"
        if kinds != {Kind.CNN}:  # a result's scale is the scan's own
            scale = f"{scale}; of a result {FLOOR:.0%} to 100 % of the scan's own scale".replace("20%", "20 %")
        name = "Any hemorrhage" if label is Label.ANY else f"{label.short_name}  {label}"
        write_text(band, name, (_GAP, number * LINE), COLOURS[label])
        draw_ramp(band, label, (210, number * LINE - 12), 160)
        write_text(band, scale, (380, number * LINE), DIM)
    return band


def head_lines(
    value: RatingValue, shown: Sequence[Example], part: Sequence[Example], head: Head, place: str
) -> list[str]:
    """What stands below the intended use on a page."""
    cells = [one.cell_mm for one in part]
    size = " to ".join(dict.fromkeys(f"{length:.0f}" for length in (min(cells), max(cells))))
    damaged = f"; {head.damaged_rows} damaged rows do not count" if head.damaged_rows else ""
    readers = f"{head.readers} reader{'' if head.readers == 1 else 's'}"
    return [
        f"Rated {value} by {readers}: {head.ratings[value]} heatmaps, {len(shown)} shown{damaged}; {place}",
        value.definition,
        RULE,
        f"{head.model.name}  {head.model.sha256[:12]}; window as the reader had it, C and W in HU; "
        "beside the label its probability on the slice",
        f"Heatmaps: {unit(Kind.CNN, max(cells)).replace(f'{max(cells):.0f}', size)}, as opaque as the reader had them",
    ]
