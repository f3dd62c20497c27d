from __future__ import annotations

from pathlib import Path

import pytest

from app import places


def test_everything_kept_is_under_one_folder_that_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("IHD_HOME", str(tmp_path))
    kept = (places.journal_file("AB"), places.settings_file(), places.log_file(), places.demo_folder())
    assert all(path.is_relative_to(tmp_path) for path in kept)
    assert len(set(kept)) == len(kept)


def test_without_a_choice_the_system_says_where_data_goes(monkeypatch, tmp_path):
    monkeypatch.delenv("IHD_HOME")
    assert places.data_folder().name == "ihd-review"
    assert places.data_folder().is_relative_to(Path.home())


@pytest.mark.parametrize("reader", ["R1", "Reader One", "../x", "a/b", "Ärztin", "..", "con"])
def test_any_pseudonym_gives_a_file_in_the_folder_of_records(reader):
    path = places.journal_file(reader)
    assert path.parent == places.data_folder() / "records"
    assert path.suffix == ".csv"


def test_two_pseudonyms_never_share_a_record():
    names = ["a b", "a_b", "a+b", "a%20b", "A B", "a/b", "a\\b"]
    assert len({places.journal_file(name) for name in names}) == len(names)


def test_nobody_has_no_record():
    with pytest.raises(ValueError, match="reader"):
        places.journal_file("")


def test_resources_are_found_in_the_checkout():
    assert places.resource("__init__.py").is_file()
