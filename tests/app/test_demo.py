from __future__ import annotations

import pytest

from app import demo, places
from ihd_core.errors import Cancelled, FileError
from ihd_core.phantom import studies


@pytest.fixture(autouse=True)
def _own_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("IHD_HOME", str(tmp_path / "data"))


@pytest.fixture
def written(monkeypatch):
    """Stand in for the seconds of rendering; gives the calls."""
    calls = []

    def write_studies(out, scans, seed, labels=None, report=None):
        calls.append((scans, seed, labels))
        out.mkdir()
        (out / "first.dcm").write_text("")
        report(1, 2)
        (out / "second.dcm").write_text("")

    monkeypatch.setattr(studies, "write_studies", write_studies)
    return calls


def test_it_is_made_once_from_a_fixed_seed(written):
    first = demo.demonstration_study()
    assert sorted(path.name for path in first.iterdir()) == ["first.dcm", "second.dcm"]
    assert demo.demonstration_study() == first == places.demo_folder()
    assert written == [(demo.SCANS, demo.SEED, None)]


def test_stopped_half_way_it_leaves_nothing_that_looks_whole(written):
    def stop(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        demo.demonstration_study(report=stop)
    assert list(places.data_folder().iterdir()) == []
    assert len(list(demo.demonstration_study().iterdir())) == 2


def test_a_place_that_cannot_be_written_is_named(written, tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(FileError, match="data"):
        demo.demonstration_study()
