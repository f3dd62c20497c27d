from __future__ import annotations

import pytest

from app import places
from app.command_line import demo
from ihd_core.errors import Cancelled, FileError
from ihd_core.phantom import studies


@pytest.fixture(autouse=True)
def _own_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("IHD_HOME", str(tmp_path / "data"))


@pytest.fixture
def written(monkeypatch):
    """Stand in for the seconds of rendering; gives the seeds and labels asked for."""
    calls = []

    def write_study(folder, seed, labels, slices):
        assert slices == demo.SLICES
        calls.append((seed, labels))
        folder.mkdir()
        (folder / "001.dcm").write_text("")

    monkeypatch.setattr(studies, "write_study", write_study)
    return calls


def test_it_is_made_once_from_fixed_seeds(written):
    first = demo.demonstration_study()
    assert sorted(path.name for path in first.rglob("*")) == ["001", "001.dcm", "001.dcm", "002"]
    assert demo.demonstration_study() == first == places.demo_folder()
    assert written == list(demo.CASES)


def test_stopped_half_way_it_leaves_nothing_that_looks_whole(written):
    def stop(done, total):
        if done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        demo.demonstration_study(report=stop)
    assert list(places.data_folder().iterdir()) == []
    assert len(list(demo.demonstration_study().iterdir())) == 2


def test_one_case_shows_hemorrhage_and_one_does_not():
    assert [bool(labels) for _, labels in demo.CASES] == [True, False]


def test_a_place_that_cannot_be_written_is_named(written, tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(FileError, match="data"):
        demo.demonstration_study()
