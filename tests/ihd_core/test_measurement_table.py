import csv
import io

import numpy as np

from ihd_core.measurement_table import COLUMNS, as_csv
from ihd_core.measurements import Measurement, Tool
from tests.ihd_core.toy import toy_scan


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_every_quantity_has_a_row_with_its_unit():
    scan = toy_scan(hu=np.full((3, 50, 50), 42), spacing_mm=(5.0, 1.0, 1.0))
    made = [
        Measurement(Tool.SHIFT, 2, ((5, 20), (45, 20), (20, 24))),
        Measurement(Tool.LENGTH, 1, ((10, 10), (10, 22))),
        Measurement(Tool.RECTANGLE, 0, ((10, 10), (19, 29))),
        Measurement(Tool.CLOT, 1, ((10, 20), (30, 20), (20, 25))),
        Measurement(Tool.PROBE, 0, ((7, 8),)),
        Measurement(Tool.ANGLE, 0, ((10, 20), (20, 20), (20, 30))),
    ]
    text = as_csv(scan, made, [2], "=R1")
    assert text.splitlines()[0] == ",".join(COLUMNS)
    found = {(row["what"], row["quantity"]): row for row in rows(text)}
    assert (found["length", "length"]["value"], found["length", "length"]["unit"]) == ("12.00", "mm")
    assert (found["midline shift", "shift"]["value"], found["midline shift", "side"]["value"]) == ("4.00", "L")
    assert (found["rectangle", "mean"]["value"], found["rectangle", "area"]["value"]) == ("42.00", "171.00")
    assert found["angle", "angle"]["value"] == "90.00"
    assert found["probe", "HU"]["value"] == "42"
    assert found["clot volume", "ABC/2"]["value"] == f"{20 * 10 * 5 / 2000:.2f}"
    assert found["key image", ""]["slice_uid"] == scan.slice_uids[2]
    assert found["length", "length"]["points"] == "10 10; 10 22"
    assert {row["reader"] for row in rows(text)} == {"'=R1"}, "nothing that a spreadsheet would run"
    assert [row["slice_index"] for row in rows(text)] == [*"000000011122", "2", *[""] * 4]
