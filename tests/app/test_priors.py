"""Another examination of the same patient beside the open scan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from app.pane_commands import is_slice, probed
from app.session import Layout, Shown, preview_arrived
from app.study_order import prior_of
from app.values.pictures import pictures
from app.values.prior import prior_slice, shown_prior, top_mm
from app.view_commands import COMMANDS, rating_obstacle
from ihd_core.dicom.series import find_series
from ihd_core.phantom.series_writer import write_series
from ihd_core.scan import ScanWarning
from tests.ihd_core.toy import toy_hu, toy_info, toy_scan

NAMES = {"PatientName": "Doe^Jo", "PatientID": "P1"}


def head(slices, above, spacing_mm, value):
    """A scan whose uppermost slices are air, above the head, and whose head has value + index HU."""
    hu = np.full((slices, 64, 64), -1000, np.int16)
    hu[: slices - above] = (value + np.arange(slices - above))[:, None, None]
    return toy_scan(hu=hu, spacing_mm=(spacing_mm, 1.0, 1.0))


def test_slices_are_at_the_same_height_below_the_top_of_the_head():
    """Scan: 5 mm, head up to slice 17. Prior: 2.5 mm, head up to slice 39."""
    shown = Shown(scan=head(20, 2, 5.0, 0), prior=head(50, 10, 2.5, 0))
    assert top_mm(shown.prior) - shown.prior.heights_mm[0] == pytest.approx(39 * 2.5)
    for index in (17, 10, 0):
        expected = 39 - (17 - index) * 2
        assert prior_slice(replace(shown, slice_index=index)) == max(expected, 0)
    up = COMMANDS["prior_up"](replace(shown, slice_index=10))
    assert (prior_slice(up), up.prior_offset_mm) == (26, 2.5)
    assert COMMANDS["prior_down"](up).prior_offset_mm == 0


def test_nothing_of_the_model_or_the_reader_is_on_the_prior():
    shown = Shown(scan=head(20, 2, 5.0, 0), prior=head(20, 2, 5.0, 30), slice_index=10, layout=Layout.PRIOR)
    left, right = pictures(shown)
    assert int(left.pixels[0, 0]) != int(right.pixels[0, 0])
    assert right.badges[0].text.startswith("OTHER EXAMINATION")
    assert right.badges[0] not in left.badges
    assert (right.marks, right.measuring, right.overlay) == ((), False, None)
    assert probed(shown, 1, 3, 3).probe is None
    assert (is_slice(shown, 0), is_slice(shown, 1)) == (True, False)
    alone = replace(shown, enlarged=1)
    assert pictures(alone)[0].badges[0].text.startswith("OTHER EXAMINATION")
    assert not is_slice(alone, 0)
    assert rating_obstacle(alone) == "Go back to the slice to rate its heatmap"


def test_the_next_scan_has_no_prior(study):
    shown = Shown(scan=head(6, 0, 5.0, 0), prior=head(6, 0, 5.0, 0), layout=Layout.PRIOR, prior_offset_mm=5.0)
    from ihd_core.dicom.reader import Preview

    fresh = preview_arrived(shown, 0, Preview(toy_scan(slices=1), 0, 6))
    assert (fresh.prior, fresh.layout, fresh.prior_offset_mm) == (None, Layout.ONE, 0.0)


def test_a_warning_of_both_stands_on_both_and_the_model_is_not_the_priors():
    warned = replace(head(20, 2, 5.0, 0), warnings=(ScanWarning("not-a-head", "It is a chest"),))
    shown = Shown(scan=warned, prior=warned, slice_index=10, layout=Layout.PRIOR, model=toy_info(demonstration=True))
    texts = [[badge.text for badge in picture.badges] for picture in pictures(shown)]
    assert ["Not a head" in some for some in texts] == [True, True]
    assert shown_prior(shown).model is None


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Three examinations of one patient, one of another patient with the same ID, one without an ID."""
    folder = tmp_path_factory.mktemp("archive")
    kinds = {
        "old": {**NAMES, "StudyDate": "20180101"},
        "recent": {**NAMES, "StudyDate": "20200131"},
        "new": {**NAMES, "StudyDate": "20210501"},
        "stranger": {**NAMES, "PatientName": "Roe^Ri", "StudyDate": "20200301"},
        "nameless": {"PatientName": "Doe^Jo", "PatientID": "", "StudyDate": "20200301"},
    }
    for number, (name, tags) in enumerate(kinds.items(), start=1):
        tags = {**tags, "StudyInstanceUID": f"1.5.{number}"}
        write_series(
            folder / name, toy_hu(8, seed=number), spacing_mm=(5.0, 3.5, 3.5), series_uid=f"1.5.{number}.1", tags=tags
        )
    return folder


def test_the_newest_before_is_the_prior_and_never_another_patients(archive):
    series = {one.uid: one for one in find_series((archive,)).series}
    listed = tuple(series[f"1.5.{number}.1"] for number in range(1, 6))
    shown = Shown(series=listed)
    assert [prior_of(replace(shown, current=current)) for current in range(5)] == [1, 0, 1, -1, -1]
    assert prior_of(Shown()) == -1


def test_one_key_reads_it_and_scrolling_is_linked(open_window, wait_settled, toy_folder, press, qtbot, archive):
    window = open_window()
    window.second_opinion.use_model(toy_folder)
    window.open_paths([archive / "recent", archive / "old"])
    wait_settled(window)
    window.choose(next(n for n, one in enumerate(window.shown.series) if one.uid == "1.5.2.1"))
    wait_settled(window)
    assert window.shown.scan.uid == "1.5.2.1"
    press(window, "F6")
    qtbot.waitUntil(lambda: window.shown.layout is Layout.PRIOR)
    assert window.shown.prior.uid == "1.5.1.1"
    left, right = window.parts.grid.views[:2]
    before = right._picture.bottom_right[-1]
    press(window, "Down" if window.shown.slice_index < 7 else "Up")
    assert right._picture.bottom_right[-1] != before
    press(window, "L")
    qtbot.mouseClick(right, Qt.MouseButton.LeftButton, pos=QPoint(right.width() // 2, right.height() // 2))
    assert window.shown.points == ()
    press(window, "Esc", "F6")
    assert window.shown.layout is Layout.ONE
    assert left.isVisible()
    assert not right.isVisible()


def test_without_one_it_says_so(read_window, press):
    window = read_window()
    press(window, "F6")
    assert "No other examination" in window.statusBar().currentMessage()
