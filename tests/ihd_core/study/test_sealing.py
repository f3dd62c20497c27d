import json

import pytest

from ihd_core.errors import StudyError
from ihd_core.study import sealing
from ihd_core.study.sealing import seal, unseal


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    monkeypatch.setattr(sealing, "COST", 2**10)


def test_the_passphrase_opens_what_it_sealed():
    sealed = seal(b"any 1", "correct horse")
    assert b"any" not in sealed
    assert unseal(sealed, "correct horse", "truth.sealed") == b"any 1"


def test_the_same_content_never_looks_the_same():
    assert seal(b"x", "correct horse") != seal(b"x", "correct horse")


def test_another_passphrase_and_a_changed_file_are_told_in_one_line():
    sealed = seal(b"any 1", "correct horse")
    described = json.loads(sealed)
    changed = {**described, "sealed": described["sealed"][:-8] + "AAAAAAA="}
    for content, passphrase in ((sealed, "battery staple"), (json.dumps(changed).encode(), "correct horse")):
        with pytest.raises(StudyError, match=r"^truth\.sealed: the passphrase does not fit, or the file was changed$"):
            unseal(content, passphrase, "truth.sealed")


@pytest.mark.parametrize("change", [{"format": "x"}, {"cost": 2**30}, {"cost": 1000.5}, {"salt": "zz"}, {"more": 1}])
def test_what_was_not_sealed_here_is_refused(change):
    described = {**json.loads(seal(b"x", "correct horse")), **change}
    with pytest.raises(StudyError, match="is not sealed by this program"):
        unseal(json.dumps(described).encode(), "correct horse", "truth.sealed")


def test_a_short_passphrase_is_refused():
    with pytest.raises(StudyError, match="has 7 characters, at least 8"):
        seal(b"x", "1234567")
