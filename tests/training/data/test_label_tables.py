"""Labels of the three layouts, from tables written by hand."""

import numpy as np
import pytest

from ihd_core.errors import FileError
from ihd_core.labels import LABELS
from training.data.labels import cq500, rsna, wide
from training.data.slice_table import UNKNOWN

U = UNKNOWN
EPH, IPH, IVH, SAH, SDH, ANY = np.eye(6, dtype=int).tolist()
"""Truth with one label, in the order of the program: the paper's."""


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def truth(given):
    return {name: given.truth[row].tolist() for name, row in given.numbers.items()}


def said(given):
    return [(problem.kind, problem.where, problem.value) for problem in given.problems]


class TestRsna:
    def test_rows_may_come_in_any_order(self, tmp_path):
        ones = {("ID_1", "epidural"), ("ID_1", "any"), ("ID_2", "subdural"), ("ID_2", "any")}
        rows = [f"{name}_{label},{int((name, label) in ones)}" for name in ("ID_1", "ID_2") for label in LABELS]
        path = tmp_path / "labels.csv"
        for seed in range(5):
            rows = np.random.default_rng(seed).permutation(rows).tolist()
            given = rsna.read_labels(written(path, "ID,Label\n" + "\n".join(rows) + "\n"))
            assert truth(given) == {"ID_1": [1, 0, 0, 0, 0, 1], "ID_2": [0, 0, 0, 0, 1, 1]}
            assert given.problems == []

    def test_a_value_of_two_is_named_with_its_id(self, tmp_path):
        rows = [f"ID_1_{label},0" for label in ("any", "epidural", "intraparenchymal", "subarachnoid", "subdural")]
        given = rsna.read_labels(written(tmp_path / "l.csv", "\n".join(["ID,Label", *rows, "ID_1_intraventricular,2"])))
        assert truth(given) == {"ID_1": [0, 0, U, 0, 0, 0]}
        assert said(given) == [("label-value", "ID_1", "2")]

    def test_the_order_of_contradicting_rows_does_not_matter(self, tmp_path):
        for values in ("01", "10", "011", "100", "12", "21"):
            rows = [f"ID_1_any,{value}" for value in values]
            given = rsna.read_labels(written(tmp_path / "l.csv", "\n".join(["ID,Label", *rows])))
            assert truth(given)["ID_1"][5] == U, values
            assert "contradicting-labels" in [kind for kind, *_ in said(given)], values

    def test_a_row_without_a_value_is_not_known_and_no_problem(self, tmp_path):
        rows = [f"ID_1_{label},{'' if label in ('subdural', 'any') else 0}" for label in LABELS]
        given = rsna.read_labels(written(tmp_path / "l.csv", "\n".join(["ID,Label", *rows, rows[-1]])))
        assert truth(given) == {"ID_1": [0, 0, 0, 0, U, U]}
        assert (given.problems, len(given.remarks)) == ([], 1)

    @pytest.mark.parametrize("values", [("", "1"), ("1", "")])
    def test_a_row_without_a_value_contradicts_one_with(self, tmp_path, values):
        rows = [f"ID_1_any,{value}" for value in values]
        given = rsna.read_labels(written(tmp_path / "l.csv", "\n".join(["ID,Label", *rows])))
        assert truth(given)["ID_1"][5] == U
        assert "contradicting-labels" in [kind for kind, *_ in said(given)]

    @pytest.mark.parametrize("content", ["", "id,any\n", "ID;Label\n"])
    def test_a_table_of_another_form_is_refused(self, tmp_path, content):
        with pytest.raises(FileError, match="a table in RSNA's form with 'ID,Label'"):
            rsna.read_labels(written(tmp_path / "l.csv", content))

    def test_a_table_that_is_no_text_is_refused(self, tmp_path):
        path = tmp_path / "l.csv"
        path.write_bytes(b"ID,Label\nID_\xff\xfe_any,1\n")
        with pytest.raises(FileError, match=r"l\.csv: is not text in UTF-8"):
            rsna.read_labels(path)

    def test_ids_of_a_sample_submission_keep_their_order(self, tmp_path):
        rows = [f"{name}_{label},0.5" for name in ("ID_9", "ID_1", "ID_5") for label in ("any", "epidural")]
        path = written(tmp_path / "sample.csv", "\n".join(["ID,Label", *rows]))
        assert rsna.read_ids(path) == ["ID_9", "ID_1", "ID_5"]


class TestCq500:
    HEAD = "name,Category," + ",".join(
        ",".join(f"R{reader}:{finding}" for finding in ("ICH", "IPH", "IVH", "SDH", "EDH", "SAH", "Fracture"))
        for reader in (1, 2, 3)
    )

    def read(self, tmp_path, *rows):
        return cq500.read_labels(written(tmp_path / "reads.csv", "\n".join([self.HEAD, *rows]) + "\n"))

    def test_the_truth_is_what_two_of_three_readers_say(self, tmp_path):
        row = "CQ500-CT-7,B1," + ",".join(["1,1,0,0,0,0,1", "1,0,0,1,0,0,0", "0,1,0,0,1,0,0"])
        given = self.read(tmp_path, row)
        assert given.key == "study"
        assert truth(given) == {"cq500ct7": [0, 1, 0, 0, 0, 1]}

    def test_readers_who_are_even_leave_a_label_unknown(self, tmp_path):
        row = "CQ500-CT-7,B1," + ",".join(["1,1,0,0,0,0,1", "1,0,0,0,0,0,0", "1,,0,0,0,0,0"])
        assert truth(self.read(tmp_path, row)) == {"cq500ct7": [0, U, 0, 0, 0, 1]}

    def test_an_answer_that_is_neither_is_named(self, tmp_path):
        row = "CQ500-CT-7,B1," + ",".join(["1,2,0,0,0,0,1", "1,0,0,0,0,0,0", "1,0,0,0,0,0,0"])
        given = self.read(tmp_path, row)
        assert said(given) == [("label-value", "cq500ct7", "2")]
        assert truth(given)["cq500ct7"] == [0, U, 0, 0, 0, 1]

    def test_a_finding_without_a_column_is_refused(self, tmp_path):
        path = written(tmp_path / "reads.csv", self.HEAD.replace("SAH", "Other") + "\n")
        with pytest.raises(FileError, match="has no column R1:SAH"):
            cq500.read_labels(path)


class TestWide:
    def read(self, tmp_path, *lines):
        return wide.read_labels(written(tmp_path / "labels.csv", "\n".join(lines) + "\n"))

    @pytest.mark.parametrize(
        ("column", "key"),
        [("id", "slice"), ("SOPInstanceUID", "slice"), ("file", "file"), ("Series Instance UID", "series")],
    )
    def test_a_row_is_about_what_its_column_says(self, tmp_path, column, key):
        given = self.read(tmp_path, f"{column},EDH,IPH,IVH,SAH,SDH,any", "1.2.3,0,1,0,0,0,1")
        assert (given.key, truth(given)) == (key, {"1.2.3": [0, 1, 0, 0, 0, 1]})

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    @pytest.mark.parametrize(
        "names",
        [
            "epidural intraparenchymal intraventricular subarachnoid subdural any",
            "EPH IPH IVH SAH SDH ICH",
            "Epidural Intraparenchymal Intra-ventricular Sub_arachnoid Subdural Hemorrhage",
        ],
    )
    def test_labels_have_the_names_people_give_them(self, tmp_path, separator, names):
        lines = (f"id {names}", "a 1 0 1 0 0 1", "b 0 0 0 1 0 1")
        given = self.read(tmp_path, *(line.replace(" ", separator) for line in lines))
        assert truth(given) == {"a": [1, 0, 1, 0, 0, 1], "b": [0, 0, 0, 1, 0, 1]}

    def test_columns_may_stand_in_any_order(self, tmp_path):
        given = self.read(tmp_path, "SDH,any,age,id,EDH,SAH,IVH,IPH", "1,1,77,a,0,0,0,0")
        assert truth(given) == {"a": [0, 0, 0, 0, 1, 1]}

    def test_any_follows_from_the_subtypes_where_it_is_not_given(self, tmp_path):
        lines = ("a,0,0,0,0,0", "b,0,1,0,0,0", "c,,1,,,", "d,0,0,0,0,", "e,,,,,")
        given = self.read(tmp_path, "id,EDH,IPH,IVH,SAH,SDH", *lines)
        assert [row[5] for row in truth(given).values()] == [0, 1, 1, U, U]
        assert given.problems == []
        assert "any is taken from the five subtypes for 3 ids" in given.remarks

    def test_any_alone_says_nothing_of_subtypes(self, tmp_path):
        given = self.read(tmp_path, "id,any", "a,1", "b,0")
        assert truth(given) == {"a": [U] * 5 + [1], "b": [U] * 5 + [0]}

    def test_ich_beside_no_column_for_iph_could_be_either(self, tmp_path):
        with pytest.raises(FileError, match="ICH may be any or intraparenchymal"):
            self.read(tmp_path, "id,ICH", "a,1")

    @pytest.mark.parametrize(
        ("lines", "reason"),
        [
            (("name,any", "a,1"), "has none of the columns"),
            (("id,age", "a,1"), "has no column for a label"),
            (("id,any,hemorrhage", "a,1,1"), "has two columns for any"),
            (("id,any", "a,1,0"), "line 2 has 3 cells, the first line 2 names"),
        ],
    )
    def test_a_table_that_does_not_say_what_it_is_about_is_refused(self, tmp_path, lines, reason):
        with pytest.raises(FileError, match=reason) as error:
            self.read(tmp_path, *lines)
        assert "\n" not in str(error.value)

    def test_a_hemorrhage_where_any_is_zero_is_named(self, tmp_path):
        given = self.read(tmp_path, "id,EDH,IPH,IVH,SAH,SDH,any", "a,1,0,0,0,0,0", "b,0,0,0,0,0,1")
        assert said(given) == [("any-contradicted", "a", "epidural")]
        assert truth(given) == {"a": [U, 0, 0, 0, 0, U], "b": [0, 0, 0, 0, 0, 1]}

    def test_a_row_without_a_name_is_named(self, tmp_path):
        given = self.read(tmp_path, "id,any", ",1", "a,1")
        assert [problem.kind for problem in given.problems] == ["unreadable-row"]
        assert list(given.numbers) == ["a"]


class TestTablesOfOtherPrograms:
    """As they are after a spreadsheet or a table library has written them again."""

    FINDINGS = ("ICH", "IPH", "IVH", "SDH", "EDH", "SAH")

    def reads(self, tmp_path, *rows):
        head = ",".join(["name", *(f"R{reader}:{finding}" for reader in (1, 2, 3) for finding in self.FINDINGS)])
        return cq500.read_labels(written(tmp_path / "reads.csv", "\n".join([head, *rows]) + "\n"))

    def test_readers_answers_with_decimals_are_counted_as_the_others(self, tmp_path):
        first_alone = "CQ500-CT-1," + ",".join(["1.0"] * 6 + ["0.0"] * 12)
        two_of_three = "CQ500-CT-2," + ",".join(["0.0"] * 6 + ["1.0"] * 12)
        given = self.reads(tmp_path, first_alone, two_of_three)
        assert truth(given) == {"cq500ct1": [0] * 6, "cq500ct2": [1] * 6}

    def test_a_study_without_a_name_is_no_study(self, tmp_path):
        given = self.reads(tmp_path, "CQ500-CT-1," + ",".join("0" * 18), " -," + ",".join("1" * 18))
        assert truth(given) == {"cq500ct1": [0] * 6}
        assert [problem.kind for problem in given.problems] == ["unreadable-row"]

    def test_a_quote_that_is_never_closed_is_named_with_its_file(self, tmp_path):
        path = written(tmp_path / "l.csv", 'id,any\na,1\n"b,1\n' + "c,0\n" * 60_000)
        with pytest.raises(FileError, match=r"l\.csv: line .*field larger"):
            wide.read_labels(path)
