"""Opening with and without the repair of RSNA files, and in which order what was found is listed."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import ihd_core.dicom.series
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.toy import CORONAL, toy_hu


@pytest.fixture(scope="module")
def rsna(tmp_path_factory):
    """(folder, HU) of files whose stored value is HU modulo 4096, announced with an intercept that does not fit."""
    folder, hu = tmp_path_factory.mktemp("rsna"), toy_hu(10).clip(-1000, 3000)
    write_series(folder, (hu % 4096).astype(np.int16), intercept=0, bits_stored=12, tags={"RescaleIntercept": "0"})
    return folder, hu


def codes(window):
    return [warning.code for warning in window.shown.scan.warnings]


def test_the_menu_turns_the_repair_off_and_on_and_reads_the_open_series_again(open_window, wait_settled, rsna):
    folder, hu = rsna
    window = open_window()
    action = window.actions_by_name["toggle_repair"]
    assert action.isChecked()
    window.open_paths([folder])
    wait_settled(window)
    assert np.array_equal(window.shown.scan.hu, hu)
    assert "rsna-repair" in codes(window)
    window.session.show(slice_index=2)
    action.trigger()
    wait_settled(window)
    assert np.array_equal(window.shown.scan.hu, hu % 4096)
    assert "rsna-repair" not in codes(window)
    assert (window.shown.slice_index, action.isChecked()) == (2, False)
    action.trigger()
    wait_settled(window)
    assert np.array_equal(window.shown.scan.hu, hu)


def test_what_is_opened_after_that_is_read_without_the_repair_too(open_window, wait_settled, rsna):
    folder, hu = rsna
    window = open_window()
    window.actions_by_name["toggle_repair"].trigger()
    assert not window.opening.running
    window.open_paths([folder])
    wait_settled(window)
    assert np.array_equal(window.shown.scan.hu, hu % 4096)
    assert any("RSNA repair off" in badge.text for badge in window.parts.slice_view._picture.badges)


def test_a_choice_made_while_files_are_read_counts_for_them(open_window, wait_settled, rsna, monkeypatch):
    folder, hu = rsna
    window, began, may_go_on = open_window(), threading.Event(), threading.Event()
    original = ihd_core.dicom.series.find_series

    def slow(paths, *, report):
        began.set()
        may_go_on.wait(5)
        return original(paths, report=report)

    monkeypatch.setattr(ihd_core.dicom.series, "find_series", slow)
    window.open_paths([folder])
    began.wait(5)
    window.actions_by_name["toggle_repair"].trigger()
    may_go_on.set()
    wait_settled(window)
    assert np.array_equal(window.shown.scan.hu, hu % 4096)


def test_the_repair_is_on_again_in_the_next_run(open_window, tmp_path):
    from app import places
    from app.settings import read_settings

    window = open_window()
    window.actions_by_name["toggle_repair"].trigger()
    window.remember()
    written = places.settings_file().read_text(encoding="utf-8")
    assert "repair" not in written
    settings = read_settings(places.settings_file())
    assert open_window(reader=settings.reader).shown.repair


def test_a_scan_that_is_not_predicted_is_not_opened_before_one_that_is(open_window, wait_settled, tmp_path):
    options = {"spacing_mm": (5.0, 3.5, 3.5)}
    study = {"StudyInstanceUID": "1.2.9", "PatientID": "P"}
    write_series(tmp_path / "a", toy_hu(20), orientation=CORONAL, series_uid="1.2.9.1", tags=study, **options)
    write_series(tmp_path / "b", toy_hu(5), series_uid="1.2.9.2", tags=study, **options)
    window = open_window()
    window.open_paths([tmp_path])
    wait_settled(window)
    assert [(series.uid, bool(series.refusal)) for series in window.shown.series] == [
        ("1.2.9.2", False), ("1.2.9.1", True),
    ]  # fmt: skip
    assert window.shown.scan.uid == "1.2.9.2"


def test_the_earlier_scan_stays_until_the_first_slice_of_the_next_is_there(open_window, wait_settled, study):
    window = open_window()
    window.open_paths([study.one])
    wait_settled(window)
    seen = []
    window.session.changed.connect(
        lambda new, _: seen.append(
            new.scan.uid if new.scan else f"preview {new.preview.scan.uid}" if new.preview else ""
        )
    )
    window.open_paths([study.two])
    wait_settled(window)
    assert list(dict.fromkeys(seen)) == ["1.2.3.1.1", "preview 1.2.3.2.1", "1.2.3.2.1"]
