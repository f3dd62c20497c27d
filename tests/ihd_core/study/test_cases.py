import hashlib

import numpy as np
import pytest

from ihd_core.errors import StudyError
from ihd_core.study.cases import case_paths, cases_csv, pixel_hash


def test_the_hash_is_of_shape_and_values():
    hu = np.array([[[1, -2]]], np.int16)
    assert pixel_hash(hu) == hashlib.sha256(b"hu (1, 1, 2)\0" + b"\x01\x00\xfe\xff").hexdigest()
    assert pixel_hash(hu.reshape(1, 2, 1)) != pixel_hash(hu)


def test_a_folder_has_a_case_an_entry(tmp_path):
    for name in ("b", "a", ".hidden"):
        (tmp_path / name).mkdir()
    assert list(case_paths(tmp_path).items()) == [("a", tmp_path / "a"), ("b", tmp_path / "b")]


def test_paths_of_a_table_start_at_its_folder_and_survive_a_move(tmp_path):
    table = tmp_path / "cases.csv"
    table.write_text("case,path\nc01,scans/one\nc02,/elsewhere/two\n")
    paths = case_paths(table)
    assert paths["c01"] == tmp_path / "scans" / "one"
    study = tmp_path / "study"
    study.mkdir()
    (study / "cases.csv").write_text(cases_csv(paths, study))
    assert (study / "cases.csv").read_text().splitlines()[1] == "c01,../scans/one"
    again = case_paths(study / "cases.csv")
    assert {case: path.resolve() for case, path in again.items()} == {case: p.resolve() for case, p in paths.items()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("case\nc01\n", "column path is missing"),
        ("case,path\nc01,a\nc01,b\n", "line 3: case c01 stands twice"),
        ("case,path\nA B,a\n", "line 2: case 'A B': a pseudonym is"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, said):
    table = tmp_path / "cases.csv"
    table.write_text(text)
    with pytest.raises(StudyError, match=said):
        case_paths(table)


def test_an_empty_folder_and_an_absent_table_are_named(tmp_path):
    with pytest.raises(StudyError, match="the folder is empty"):
        case_paths(tmp_path)
    with pytest.raises(StudyError, match=r"x\.csv: cannot be read"):
        case_paths(tmp_path / "x.csv")
