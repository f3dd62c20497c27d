import io
import re
import zipfile
from xml.etree import ElementTree

import pytest

from ihd_core.errors import StudyError
from ihd_core.study.mrmc_files import Score, imrmc, mrmcaov, numbers, rjafroc, scored
from ihd_core.study.xlsx import workbook

FULL = [
    Score(reader, arm, case, case == "b", score)
    for reader, arm, case, score in (
        ("r2", "with", "b", 90),
        ("r1", "without", "a", 10),
        ("r1", "without", "b", 60),
        ("r1", "with", "a", 0),
        ("r1", "with", "b", 100),
        ("r2", "without", "a", 20),
        ("r2", "without", "b", 40),
        ("r2", "with", "a", 30),
    )
]


def cells(content):
    """Rows by sheet, as another reader of workbooks would see them."""
    space = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    found = {}
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        names = [
            one.get("name") for one in ElementTree.fromstring(file.read("xl/workbook.xml")).iter() if one.get("name")
        ]
        for number, name in enumerate(names, start=1):
            sheet = ElementTree.fromstring(file.read(f"xl/worksheets/sheet{number}.xml"))
            lines = [row.findall("m:c", space) for row in sheet.iter() if "row" in row.tag]
            found[name] = [["".join(cell.itertext()) for cell in line] for line in lines]
    return found


def test_imrmc_gets_a_head_the_truth_and_the_scores():
    assert imrmc(scored(FULL, "refuse"), "pilot, any") == (
        "pilot, any\nNR: 2\nN0: 1\nN1: 1\nNM: 2\n\nBEGIN DATA:\n"
        "-1,1,0,0\n-1,2,0,1\n"
        "1,1,1,10\n1,2,1,60\n1,1,2,0\n1,2,2,100\n"
        "2,1,1,20\n2,2,1,40\n2,1,2,30\n2,2,2,90\n"
    )


def test_the_key_says_what_the_numbers_mean():
    assert numbers(FULL).key() == (
        "kind,number,name\nreader,1,r1\nreader,2,r2\ntreatment,1,without\ntreatment,2,with\ncase,1,a\ncase,2,b\n"
    )


def test_mrmcaov_gets_the_columns_of_its_own_data_sets(shared_data):
    head = (shared_data / "mrmc" / "VanDyke.csv").read_text().splitlines()[0].split(",")[:5]
    lines = mrmcaov(scored(FULL, "refuse")).splitlines()
    assert lines[0].split(",") == head
    assert lines[1:3] == ["r1,without,a,0,10", "r1,without,b,1,60"]


def test_rjafroc_gets_three_sheets():
    found = cells(rjafroc(scored(FULL, "refuse")))
    assert found["TRUTH"] == [
        ["CaseID", "LesionID", "Weight", "ReaderID", "ModalityID", "Paradigm"],
        ["1", "0", "0", "1, 2", "1, 2", "ROC"],
        ["2", "1", "1", "1, 2", "1, 2", "FCTRL"],
    ]
    assert found["FP"] == [
        ["ReaderID", "ModalityID", "CaseID", "FP_Rating"],
        ["1", "1", "1", "10"],
        ["1", "2", "1", "0"],
        ["2", "1", "1", "20"],
        ["2", "2", "1", "30"],
    ]
    assert found["TP"][1:] == [
        ["1", "1", "2", "1", "60"],
        ["1", "2", "2", "1", "100"],
        ["2", "1", "2", "1", "40"],
        ["2", "2", "2", "1", "90"],
    ]


def test_rjafroc_gets_no_design_that_it_does_not_have():
    alone = [one for one in FULL if not (one.reader == "r2" and one.case == "b")]
    with pytest.raises(StudyError, match="6 of 8 readings are there; RJafroc wants every reader, arm and case"):
        rjafroc(scored(alone, "refuse"))


def test_missing_answers_follow_the_protocols_rule():
    gap = [*FULL[:-1], Score("r2", "with", "a", False, None)]
    with pytest.raises(StudyError, match="1 answers are missing, the first of r2 for case a with the model"):
        scored(gap, "refuse")
    assert len(scored(gap, "exclude")) == 7
    assert [one.score for one in scored(gap, "negative") if (one.reader, one.arm, one.case) == ("r2", "with", "a")] == [
        0
    ]


def test_a_workbook_holds_any_text_and_is_the_same_every_time():
    sheet = [["a<b>&\"c'", 1.5, -2], ["ü"] * 30]
    content = workbook({"A & B": sheet})
    assert content == workbook({"A & B": sheet})
    assert cells(content) == {"A & B": [["a<b>&\"c'", "1.5", "-2"], ["ü"] * 30]}
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert re.findall(r'r="(A\w2)"', file.read("xl/worksheets/sheet1.xml").decode())[:2] == ["AA2", "AB2"]
