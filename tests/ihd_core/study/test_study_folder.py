from dataclasses import replace

import pytest

from ihd_core.errors import StudyError
from ihd_core.labels import Label
from ihd_core.study.design import Phase, Reader
from ihd_core.study.phases import Item
from ihd_core.study.protocol import amended
from ihd_core.study.study_folder import create_study, discordant_labels, open_study, replaced_protocol, write_amendment
from ihd_core.study.truth import Truth
from tests.ihd_core.study.studies import PASSPHRASE, case, made_study, protocol, read_all, says


@pytest.fixture
def study(tmp_path):
    return made_study(tmp_path / "study")


def test_a_study_is_a_folder_that_can_be_opened_again(study):
    assert sorted(path.name for path in study.path.iterdir()) == [
        "cases.csv",
        "journals",
        "protocol.toml",
        "truth.sealed",
    ]
    found = open_study(study.path)
    assert (found.protocol, found.sha256) == (protocol(), study.sha256)
    assert found.truth(PASSPHRASE).scans["c02"][Label.SUBDURAL]
    assert found.shown_truth() is None


def test_no_file_of_a_new_study_says_what_is_true(study):
    for path in study.path.rglob("*"):
        assert not path.is_file() or b'"any": 1' not in path.read_bytes()


def test_a_short_passphrase_is_refused_before_anything_is_written(tmp_path):
    plan, truth = protocol(), Truth({one.name: dict.fromkeys(Label, False) for one in protocol().cases})
    with pytest.raises(StudyError, match="at least 8 are needed"):
        create_study(tmp_path / "study", plan, truth, "secret", {one.name: tmp_path for one in plan.cases})
    assert not (tmp_path / "study").exists()


def test_another_folder_than_an_empty_one_is_refused(study):
    with pytest.raises(StudyError, match="is not empty"):
        made_study(study.path)


def test_a_folder_that_is_no_study_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"protocol\.toml: cannot be read"):
        open_study(tmp_path)


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="cannot be created"):
        made_study(tmp_path / "file" / "study")


def test_the_truth_of_training_cases_is_shown_at_once(tmp_path):
    plan = protocol(cases=(case(1), case(2, training=True)), phases=(Phase.TRAINING, Phase.BLIND))
    assert list(made_study(tmp_path / "study", plan).training_truth().scans) == ["c02"]


def test_before_the_first_answer_a_protocol_can_be_replaced_and_then_no_more(study):
    study = replaced_protocol(study, replace(study.protocol, repeats=1))
    read_all(study, "r1")
    with pytest.raises(StudyError, match="is frozen since the first answer"):
        replaced_protocol(study, replace(study.protocol, repeats=2))


def test_a_protocol_changed_behind_the_programs_back_is_refused(study):
    read_all(study, "r1")
    file = study.path / "protocol.toml"
    file.write_text(file.read_text().replace("seed = 7", "seed = 8"))
    with pytest.raises(StudyError, match=r"protocol\.toml: was changed after r1 gave row 1"):
        open_study(study.path)


def test_an_amendment_keeps_the_old_version_and_the_old_answers(study):
    read_all(study, "r1")
    new = amended(study.protocol, study.sha256, "a third reader", readers=(*study.protocol.readers, Reader("r3")))
    later = write_amendment(study, new)
    assert (later.protocol.version, later.versions[study.sha256]) == (2, 1)
    assert len(later.rows("r1")) == len(study.rows("r1")) > 0
    read_all(later, "r3")
    assert open_study(study.path).rows("r3")[0]["protocol"] == later.sha256
    with pytest.raises(StudyError, match="amends another version"):
        write_amendment(later, new)
    old = study.path / "versions" / "protocol-1.toml"
    old.write_text(old.read_text().replace("seed = 7", "seed = 8"))
    with pytest.raises(StudyError, match=r"protocol-1\.toml: is not the version that version 2 amends"):
        open_study(study.path)


def test_a_label_is_discordant_where_any_locked_reading_got_it_wrong(study):
    def said(name, phase):
        return says(any=90) if (name, phase) == ("c01", Phase.BLIND) else says(any=90, subdural=90)

    read_all(study, "r1", said)
    everything = Truth({one.name: dict.fromkeys(Label, False) for one in study.protocol.cases})
    wrong = discordant_labels(study.protocol, study.rows("r1"), study.truth(PASSPHRASE))
    assert [item for item in wrong if item.case == "c01"] == [Item("c01", Label.SUBDURAL)]
    assert [item for item in wrong if item.case == "c02"] == []
    assert [item.label for item in wrong if item.case == "c04"] == [Label.ANY, Label.SUBDURAL]
    assert len(discordant_labels(study.protocol, study.rows("r1"), everything)) == 12
    assert discordant_labels(study.protocol, study.rows("r2"), everything) == ()
