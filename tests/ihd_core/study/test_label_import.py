import pytest

from ihd_core.errors import StudyError
from ihd_core.study.label_import import imported_labels, read_names

NAMES = """
case = "name"
yes = ["1", "Yes"]
no = ["0", "No"]
[truth]
any = "ICH"
[readers.r1]
subdural = "R1:SDH"
any = "R1:ICH"
[readers.r2]
any = "R2:ICH"
"""
TABLE = "name,R1:ICH,R1:SDH,R2:ICH,ICH,other\nCT-2,Yes,,0,1,x\nCT-1,No,0,1,0,y\n"


@pytest.fixture
def paths(tmp_path):
    (tmp_path / "reads.csv").write_text(TABLE)
    (tmp_path / "names.toml").write_text(NAMES)
    return tmp_path / "reads.csv", tmp_path / "names.toml"


def test_a_foreign_table_becomes_labels_as_we_export_them(paths):
    table, names = paths
    assert imported_labels(table, read_names(names)) == (
        "reader,case,phase,arm,session,repeat,label,call,suspicion,truth,ai_visible,overlap,version\n"
        "r1,CT-1,blind,without,1,1,any,0,0,0,,,\n"
        "r1,CT-1,blind,without,1,1,subdural,0,0,,,,\n"
        "r1,CT-2,blind,without,1,1,any,1,100,1,,,\n"
        "r1,CT-2,blind,without,1,1,subdural,,,,,,\n"
        "r2,CT-1,blind,without,1,1,any,1,100,0,,,\n"
        "r2,CT-2,blind,without,1,1,any,0,0,1,,,\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('case = "name"', "", "case is missing"),
        ('case = "name"', 'case = "name"\ncolour = 1', "holds 'colour'"),
        ("[truth]\nany", "[truth]\nfracture", "truth holds 'fracture'"),
        ('no = ["0", "No"]', 'no = ["1"]', "'1' means yes and no"),
        ('case = "name"', 'case = "name"\narm = "both"', "arm is 'both', must be without or with"),
        ("readers.r2", 'readers."A B"', "reader 'A B': a pseudonym"),
        ("[truth]", "[truth", "Expected"),
    ],
)
def test_a_wrong_file_of_names_is_told_in_one_line(paths, old, new, said):
    paths[1].write_text(NAMES.replace(old, new))
    with pytest.raises(StudyError) as told:
        read_names(paths[1])
    assert said in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("R2:ICH", "R3:ICH", "column R2:ICH is missing"),
        ("CT-1,", "CT-2,", "line 3: case CT-2 stands twice"),
        ("Yes", "maybe", "line 2: R1:ICH is 'maybe', must be one of 1, Yes, 0, No"),
    ],
)
def test_a_wrong_table_is_told_with_its_line(paths, old, new, said):
    table, names = paths
    table.write_text(TABLE.replace(old, new, 1))
    with pytest.raises(StudyError, match=said):
        imported_labels(table, read_names(names))
