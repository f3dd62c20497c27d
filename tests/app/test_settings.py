"""What is remembered between runs."""

from __future__ import annotations

import json

import pytest

from app.settings import Settings, read_settings, write_settings
from ihd_core.errors import FileError


def test_what_is_written_is_read_back(tmp_path):
    settings = Settings(reader="R7", opacity=0.3, mode="triage", geometry="AbC=")
    write_settings(tmp_path / "new" / "settings.json", settings)
    assert read_settings(tmp_path / "new" / "settings.json") == settings


def test_without_a_file_the_defaults_hold(tmp_path):
    assert read_settings(tmp_path / "settings.json") == Settings()


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '"text"', "\x00\xff"])
def test_a_damaged_file_never_stops_the_start(tmp_path, content):
    path = tmp_path / "settings.json"
    path.write_text(content, encoding="latin-1")
    assert read_settings(path) == Settings()


def test_what_is_known_and_right_is_kept_and_the_rest_ignored(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"reader": "R7", "opacity": "much", "mode": 3, "colour": "red"}), encoding="utf-8")
    assert read_settings(path) == Settings(reader="R7")


@pytest.mark.parametrize(("value", "read"), [(1, 1.0), (0.25, 0.25), (True, 0.5), (7, 0.5), (-1, 0.5)])
def test_opacity_is_a_share(tmp_path, value, read):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"opacity": value}), encoding="utf-8")
    assert read_settings(path).opacity == read


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(FileError, match="file"):
        write_settings(tmp_path / "file" / "settings.json", Settings())
