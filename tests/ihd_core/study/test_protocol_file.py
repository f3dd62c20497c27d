from dataclasses import replace

import pytest

from ihd_core.errors import StudyError
from ihd_core.labels import Label
from ihd_core.study.design import Analysis, Design, RatingPlan, Reader, Role
from ihd_core.study.protocol_file import from_toml, protocol_hash, read_protocol, to_toml
from tests.ihd_core.study.studies import case, protocol

FULL = replace(
    protocol(design=Design.CROSSOVER, washout_weeks=4, repeats=2),
    cases=(case(1), case(2), case(3, training=True), case(4, overlap="validation")),
    readers=(
        Reader("r1", specialty="neuroradiology", years=12.5, head_cts=60, trained=True),
        Reader("a", Role.ADJUDICATOR),
    ),
    analysis=Analysis("Not worse.", "sensitivity", Label.SUBDURAL, 0.05, 0.025, (Label.SUBDURAL, Label.ANY), "exclude"),
    rating=RatingPlan("any", 2, "cnn", "hirescam-cnn"),
    clinical_information="age",
    overlap_allowed=True,
)


@pytest.mark.parametrize("written", [protocol(), FULL])
def test_a_protocol_comes_back_as_it_was(tmp_path, written):
    path = tmp_path / "protocol.toml"
    path.write_bytes(to_toml(written))
    found, sha256 = read_protocol(path)
    assert found == written
    assert sha256 == protocol_hash(to_toml(found))


def test_a_person_can_read_it():
    text = to_toml(FULL).decode()
    for line in (
        'study = "pilot"',
        'design = "crossover"',
        'scale = "suspicion 0 to 100, 50 and more is a yes"',
        'order = "ascending SHA-256 of seed|reader|phase|case"',
        "washout_weeks = 4.0",
        "[operating_points.scan]",
        "[[cases]]",
        'name = "c04"',
        'overlap = "validation"',
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed = 7", "seed = -7", "seed is -7, must be a whole number, at least 0"),
        ("seed = 7", "", "seed is missing"),
        ("seed = 7", "seed = 7\ncolour = 1", "holds 'colour', which this program does not know"),
        ('design = "crossover"', 'design = "cross"', "design is 'cross', must be one of sequential, crossover"),
        ("format_version = 1", "format_version = 2", "format_version is 2, this program reads 1"),
        ("alpha = 0.025", "alpha = 2.5", "alpha is 2.5, must be above 0 and below 1"),
        ('label = "subdural"', 'label = "fracture"', "label is 'fracture', must be one of any"),
        ('"blind", ', '"blind", "x", ', "phases holds 'x', must be of training"),
        ('pixels = "', 'pixels = "z', "case c01: pixels is"),
        ("[analysis]", "[analysis", "Expected"),
        ("[[cases]]", "[cases]", "cannot"),
    ],
)
def test_what_is_wrong_is_one_line_with_file_value_and_limit(tmp_path, old, new, said):
    path = tmp_path / "protocol.toml"
    content = to_toml(FULL).decode()
    assert old in content
    with pytest.raises(StudyError) as told:
        from_toml(path, content.replace(old, new, 1).encode())
    assert str(told.value).startswith(f"{path}: ")
    assert said.lower() in str(told.value).lower()
    assert "\n" not in str(told.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"protocol\.toml: cannot be read \(No such file"):
        read_protocol(tmp_path / "protocol.toml")
